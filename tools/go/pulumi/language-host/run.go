package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The exit status of a Node.js runner that failed and has already reported the reason.
const exitReported = 32

// runner finds an entry point of the Node.js SDK, such as cmd/run, for the program in directory. It searches as
// Node.js does: in the nearest node_modules that has it, of this directory or one above.
func runner(directory, name string) (string, error) {
	for folder := directory; ; folder = filepath.Dir(folder) {
		path := filepath.Join(folder, "node_modules", "@pulumi", "pulumi", "cmd", name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("the npm package @pulumi/pulumi is not installed in %s: run `pulumi install`", directory)
		}
	}
}

// Run executes a program to its end.
func (h *host) Run(ctx context.Context, request *pb.RunRequest) (*pb.RunResponse, error) {
	config, secretKeys, err := configuration(request)
	if err != nil {
		return nil, err
	}
	directory := request.Info.ProgramDirectory
	entry, err := runner(directory, "run")
	if err != nil {
		return nil, err
	}
	options := request.Info.Options.AsMap()
	// Node.js's own arguments; quotes are not supported.
	nodeArguments, _ := options["nodeargs"].(string)
	arguments := append(strings.Fields(nodeArguments),
		entry,
		"--monitor", request.MonitorAddress,
		"--engine", h.engine,
		"--project", request.Project,
		"--stack", request.Stack,
		"--organization", request.Organization,
		"--pwd", directory,
		"--root-directory", request.Info.RootDirectory,
		"--parallel", strconv.Itoa(int(request.Parallel)),
	)
	if request.DryRun {
		arguments = append(arguments, "--dry-run")
	}
	arguments = append(arguments, request.Info.EntryPoint)
	arguments = append(arguments, request.Args...)

	program := exec.CommandContext(ctx, "node", arguments...)
	program.Dir = directory
	program.Env = append(os.Environ(),
		"PULUMI_CONFIG="+config,
		"PULUMI_CONFIG_SECRET_KEYS="+secretKeys,
		"PULUMI_NODEJS_TYPESCRIPT="+strconv.FormatBool(options["typescript"] != false),
	)
	program.Stdout, program.Stderr = os.Stdout, os.Stderr

	status, err := exitStatus(program.Run())
	switch {
	case err != nil:
		return nil, err
	case status == exitReported:
		return &pb.RunResponse{Bail: true}, nil
	case status != 0:
		return &pb.RunResponse{Error: "the program exited with status " + strconv.Itoa(status)}, nil
	}
	return &pb.RunResponse{}, nil
}

// configuration returns the stack's configuration, as the JSON texts that the Node.js SDK reads.
func configuration(request *pb.RunRequest) (values, secretKeys string, err error) {
	// gRPC delivers empty collections as nil, which JSON would encode as null.
	config, keys := request.Config, request.ConfigSecretKeys
	if config == nil {
		config = map[string]string{}
	}
	if keys == nil {
		keys = []string{}
	}
	configJSON, err := json.Marshal(config)
	if err != nil {
		return "", "", err
	}
	keysJSON, err := json.Marshal(keys)
	return string(configJSON), string(keysJSON), err
}

// RunPlugin executes a plug-in that is a Node.js program, for example a policy pack, until the engine ends it.
func (h *host) RunPlugin(request *pb.RunPluginRequest, stream pb.LanguageRuntime_RunPluginServer) error {
	directory := request.Info.ProgramDirectory
	name := "run-plugin"
	arguments := append([]string{directory}, request.Args...)
	if request.Kind == "analyzer" { // a policy pack
		name = "run-policy-pack"
		arguments = append(append([]string(nil), request.Args...), directory)
	}
	entry, err := runner(directory, name)
	if err != nil {
		return err
	}

	plugin := exec.CommandContext(stream.Context(), "node", append([]string{entry}, arguments...)...)
	plugin.Dir = request.Pwd
	if plugin.Dir == "" {
		plugin.Dir = directory
	}
	plugin.Env = append(os.Environ(), request.Env...)

	var lock sync.Mutex // a gRPC stream allows one sender at a time
	plugin.Stdout = writer(func(data []byte) error {
		lock.Lock()
		defer lock.Unlock()
		return stream.Send(&pb.RunPluginResponse{Output: &pb.RunPluginResponse_Stdout{Stdout: data}})
	})
	plugin.Stderr = writer(func(data []byte) error {
		lock.Lock()
		defer lock.Unlock()
		return stream.Send(&pb.RunPluginResponse{Output: &pb.RunPluginResponse_Stderr{Stderr: data}})
	})

	status, err := exitStatus(plugin.Run())
	if err != nil {
		return err
	}
	return stream.Send(&pb.RunPluginResponse{Output: &pb.RunPluginResponse_Exitcode{Exitcode: int32(status)}})
}

// exitStatus distinguishes a process that ran and exited from one that could not be started.
func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// writer turns a function that receives the data into an io.Writer.
type writer func([]byte) error

func (write writer) Write(data []byte) (int, error) {
	if err := write(append([]byte(nil), data...)); err != nil {
		return 0, err
	}
	return len(data), nil
}
