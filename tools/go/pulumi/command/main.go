// Command command is pulumi-resource-command: runs commands locally and, over SSH, on remote machines.
//
// It stands in for the official plug-in of @pulumi/command 1.2.1 where that cannot be downloaded. It is built
// on the same framework and the same SSH library, and keeps the official plug-in's behaviour, its limits
// included, so that a program that works with this one works with the official one:
//
//   - a changed trigger replaces the resource; any other changed input runs `update`, or `create` again;
//   - `delete` uses the connection stored in the state;
//   - nothing runs in a preview;
//   - see connection.go for how a connection is made and how often it is tried.
//
// There is one deliberate difference: an interrupted update ends running commands, while the official plug-in
// waits for them. Not here, because not used: CopyToRemote, CopyFile, local.run, and the `assetPaths` of local commands.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// version is that of the SDK in package.json; the build sets it.
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
