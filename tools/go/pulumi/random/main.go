// Command random is pulumi-resource-random: random values that are drawn once and then kept in the state.
//
// It replaces the official plug-in of @pulumi/random 4.21.2 where that cannot be downloaded. Every changed input
// draws a new value, because the resource is replaced. The SDK tells the engine which outputs are secret. The plug-in
// has RandomPassword, RandomString, RandomId and RandomBytes; this project does not use the others.
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
		err = provider.RunProvider(context.Background(), "random", version, plugin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-random:", err)
		os.Exit(1)
	}
}

func newProvider() (provider.Provider, error) {
	return infer.NewProviderBuilder().
		WithResources(
			infer.Resource(&Password{}),
			infer.Resource(&String{}),
			infer.Resource(&ID{}),
			infer.Resource(&Bytes{}),
		).
		Build()
}
