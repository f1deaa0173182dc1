package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// RemoteCommand is command:remote:Command.
type RemoteCommand struct{}

// RemoteCommandArgs are the inputs of RemoteCommand.
type RemoteCommandArgs struct {
	Script
	Connection Connection `pulumi:"connection" provider:"secret"`
}

// RemoteCommandState is the state of a RemoteCommand.
type RemoteCommandState struct {
	RemoteCommandArgs
	Result
}

// Annotate sets the official plug-in's type token.
func (c *RemoteCommand) Annotate(a infer.Annotator) { a.SetToken("remote", "Command") }

// Create runs the `create` command.
func (*RemoteCommand) Create(
	ctx context.Context, request infer.CreateRequest[RemoteCommandArgs],
) (infer.CreateResponse[RemoteCommandState], error) {
	response := infer.CreateResponse[RemoteCommandState]{Output: RemoteCommandState{RemoteCommandArgs: request.Inputs}}
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
func (*RemoteCommand) Update(
	ctx context.Context, request infer.UpdateRequest[RemoteCommandArgs, RemoteCommandState],
) (infer.UpdateResponse[RemoteCommandState], error) {
	previous := request.State.Result
	response := infer.UpdateResponse[RemoteCommandState]{
		Output: RemoteCommandState{RemoteCommandArgs: request.Inputs, Result: previous},
	}
	command := request.Inputs.onUpdate()
	if request.DryRun || command == nil {
		return response, nil
	}
	var err error
	response.Output.Result, err = request.Inputs.run(ctx, *command, previous)
	return response, err
}

// Delete runs the `delete` command, over the connection stored in the state.
func (*RemoteCommand) Delete(
	ctx context.Context, request infer.DeleteRequest[RemoteCommandState],
) (infer.DeleteResponse, error) {
	if request.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := request.State.run(ctx, *request.State.Delete, request.State.Result)
	return infer.DeleteResponse{}, err
}

func (args RemoteCommandArgs) run(ctx context.Context, command string, previous Result) (Result, error) {
	client, err := args.Connection.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return Result{}, err
	}
	defer session.Close()

	// Servers refuse variables that their AcceptEnv does not name. The user's own variables must arrive, so their
	// refusal is an error.
	for name, value := range args.Environment {
		if err := session.Setenv(name, value); err != nil {
			provider.GetLogger(ctx).Error(refusedVariable(name))
			return Result{}, fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	for name, value := range args.previous(previous) {
		if err := session.Setenv(name, value); err != nil {
			provider.GetLogger(ctx).Warning(refusedVariable(name))
		}
	}

	if args.Stdin != nil && *args.Stdin != "" {
		session.Stdin = strings.NewReader(*args.Stdin)
	}
	output := newOutput(ctx, args.Script)
	session.Stdout, session.Stderr = output.stdout, output.stderr

	release := closeWhenInterrupted(ctx, client)
	defer release()
	return output.result(command, session.Run(command))
}

func refusedVariable(name string) string {
	return fmt.Sprintf("Unable to set '%s'. This only works if your SSH server is configured to accept these "+
		"variables via AcceptEnv. A shell on the remote host takes them in the command itself as well: 'VAR=value command'", name)
}

// closeWhenInterrupted ends a running command when the user interrupts the update. A timeout of the resource
// (customTimeouts) is no interruption: like the official plug-in, this one then stops its attempts to connect, but
// not a running command. So commands need their own deadlines.
func closeWhenInterrupted(ctx context.Context, client *ssh.Client) (release func()) {
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			_ = client.Close()
		}
	})
	return func() { stop() }
}
