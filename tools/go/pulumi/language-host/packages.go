package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// GetRequiredPackages lists the plug-ins that must be installed before a program runs. The list is empty, because
// they are installed already, and the engine finds each one when the program first uses it.
func (h *host) GetRequiredPackages(
	context.Context, *pb.GetRequiredPackagesRequest,
) (*pb.GetRequiredPackagesResponse, error) {
	return &pb.GetRequiredPackagesResponse{}, nil
}

// InstallDependencies does the work of `pulumi install` in the program's folder.
func (h *host) InstallDependencies(
	request *pb.InstallDependenciesRequest, stream pb.LanguageRuntime_InstallDependenciesServer,
) error {
	npm := exec.CommandContext(stream.Context(), "npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = request.Info.ProgramDirectory
	output, err := npm.CombinedOutput()
	if sendErr := stream.Send(&pb.InstallDependenciesResponse{Stdout: output}); sendErr != nil {
		return sendErr
	}
	if err != nil {
		return fmt.Errorf("npm install in %s: %w\n%s", npm.Dir, err, output)
	}
	return nil
}

// GeneratePackage writes the Node.js SDK of a package's schema.
func (h *host) GeneratePackage(
	_ context.Context, request *pb.GeneratePackageRequest,
) (*pb.GeneratePackageResponse, error) {
	client, err := schema.NewLoaderClient(request.LoaderTarget)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	loader := schema.NewCachedLoader(client)

	var spec schema.PackageSpec
	if err := json.Unmarshal([]byte(request.Schema), &spec); err != nil {
		return nil, err
	}
	pkg, diagnostics, err := schema.BindSpec(spec, loader, schema.ValidationOptions{
		AllowDanglingReferences: true,
	})
	if err != nil {
		return nil, err
	}
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}

	files, err := nodejs.GeneratePackage(
		"pulumi-language-nodejs", pkg, request.ExtraFiles, request.LocalDependencies, request.Local, loader)
	if err != nil {
		return nil, err
	}
	for name, content := range files {
		path := filepath.Join(request.Directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return nil, err
		}
	}
	return &pb.GeneratePackageResponse{}, nil
}

// Link makes generated packages dependencies of the program (`@pulumi/yandex: file:sdks/yandex`).
func (h *host) Link(ctx context.Context, request *pb.LinkRequest) (*pb.LinkResponse, error) {
	arguments := []string{"pkg", "set"}
	for _, dependency := range request.Packages {
		name := dependency.Package.Name
		if dependency.Package.Parameterization != nil {
			name = dependency.Package.Parameterization.Name
		}
		arguments = append(arguments, "dependencies.@pulumi/"+name+"=file:"+strings.TrimPrefix(dependency.Path, "./"))
	}
	npm := exec.CommandContext(ctx, "npm", arguments...)
	npm.Dir = request.Info.ProgramDirectory
	if output, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return &pb.LinkResponse{}, nil
}
