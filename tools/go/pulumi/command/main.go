// Command command is pulumi-resource-command: runs commands locally and, over SSH, on remote machines.
//
// It replaces the official plug-in of @pulumi/command 1.2.1 where that cannot be downloaded. It uses the same
// framework and the same SSH library, and has the official plug-in's behaviour and limits. So a program that
// works with this plug-in works with the official one:
//
//   - a changed trigger replaces the resource; any other changed input runs `update`, or `create` again;
//   - `delete` uses the connection stored in the state;
//   - nothing runs in a preview;
//   - connection.go describes how it connects and how often it retries.
//
// There is one deliberate difference: an interrupted update ends running commands, while the official plug-in
// waits for them. CopyToRemote, CopyFile, local.run and the `assetPaths` of local commands are missing, because this
// project does not use them.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// version is the version of the SDK in package.json; the build sets it.
var version string

func main() {
	plugin, err := newProvider()
	if err == nil {
		err = provider.RunProvider(context.Background(), "command", version, plugin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-command:", err)
		os.Exit(1)
	}
}

func newProvider() (provider.Provider, error) {
	return infer.NewProviderBuilder().
		WithResources(
			infer.Resource(&RemoteCommand{}),
			infer.Resource(&LocalCommand{}),
		).
		Build()
}
