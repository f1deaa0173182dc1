package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// LocalCommand is command:local:Command.
type LocalCommand struct{}

// LocalCommandArgs are the inputs of LocalCommand.
type LocalCommandArgs struct {
	Script
	Interpreter *[]string `pulumi:"interpreter,optional"`
	Dir         *string   `pulumi:"dir,optional"`
}

// LocalCommandState is the state of a LocalCommand.
type LocalCommandState struct {
	LocalCommandArgs
	Result
}

// Annotate sets the official plug-in's type token.
func (c *LocalCommand) Annotate(a infer.Annotator) { a.SetToken("local", "Command") }

// Create runs the `create` command.
func (*LocalCommand) Create(
	ctx context.Context, request infer.CreateRequest[LocalCommandArgs],
) (infer.CreateResponse[LocalCommandState], error) {
	response := infer.CreateResponse[LocalCommandState]{Output: LocalCommandState{LocalCommandArgs: request.Inputs}}
	id, err := resource.NewUniqueHex(request.Name, 8, 0)
	if err != nil {
		return response, err
	}
	response.ID = id
	if request.DryRun || request.Inputs.Create == nil {
		return response, nil
	}
	response.Output.Result, err = request.Inputs.run(ctx, *request.Inputs.Create, Result{})
	return response, err
}

// Update runs the `update` command; if there is none, it runs `create` again.
func (*LocalCommand) Update(
	ctx context.Context, request infer.UpdateRequest[LocalCommandArgs, LocalCommandState],
) (infer.UpdateResponse[LocalCommandState], error) {
	previous := request.State.Result
	response := infer.UpdateResponse[LocalCommandState]{
		Output: LocalCommandState{LocalCommandArgs: request.Inputs, Result: previous},
	}
	command := request.Inputs.onUpdate()
	if request.DryRun || command == nil {
		return response, nil
	}
	var err error
	response.Output.Result, err = request.Inputs.run(ctx, *command, previous)
	return response, err
}

// Delete runs the `delete` command.
func (*LocalCommand) Delete(
	ctx context.Context, request infer.DeleteRequest[LocalCommandState],
) (infer.DeleteResponse, error) {
	if request.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := request.State.run(ctx, *request.State.Delete, request.State.Result)
	return infer.DeleteResponse{}, err
}

func (args LocalCommandArgs) run(ctx context.Context, command string, previous Result) (Result, error) {
	interpreter := []string{"/bin/sh", "-c"}
	if args.Interpreter != nil && len(*args.Interpreter) > 0 {
		interpreter = *args.Interpreter
	}
	process := exec.CommandContext(ctx, interpreter[0], append(interpreter[1:], command)...)
	// After an interruption, the command and its children first get SIGTERM, and SIGKILL only later.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error {
		err := syscall.Kill(-process.Process.Pid, syscall.SIGTERM)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	process.WaitDelay = 5 * time.Second

	if args.Dir != nil {
		process.Dir = *args.Dir
	}
	process.Env = os.Environ()
	for _, variables := range []map[string]string{args.Environment, args.previous(previous)} {
		for name, value := range variables {
			process.Env = append(process.Env, name+"="+value)
		}
	}
	if args.Stdin != nil && *args.Stdin != "" {
		process.Stdin = strings.NewReader(*args.Stdin)
	}
	output := newOutput(ctx, args.Script)
	process.Stdout, process.Stderr = output.stdout, output.stderr
	return output.result(command, process.Run())
}
