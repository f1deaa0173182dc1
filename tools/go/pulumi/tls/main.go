// Command tls is pulumi-resource-tls: private keys and X.509 certificates that are kept in the state.
//
// It replaces the official plug-in of @pulumi/tls 5.6.1 where that cannot be downloaded, and has its behaviour. A
// changed input creates a new key or certificate, because the resource is replaced; so does the time of a
// certificate's renewal. The SDK tells the engine which outputs are secret. The write-only inputs (…Wo) and the
// functions are missing, because this project does not use them.
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
		err = provider.RunProvider(context.Background(), "tls", version, plugin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-tls:", err)
		os.Exit(1)
	}
}

func newProvider() (provider.Provider, error) {
	return infer.NewProviderBuilder().
		WithResources(
			infer.Resource(&PrivateKey{}),
			infer.Resource(&CertRequest{}),
			infer.Resource(&SelfSignedCert{}),
			infer.Resource(&LocallySignedCert{}),
		).
		Build()
}
