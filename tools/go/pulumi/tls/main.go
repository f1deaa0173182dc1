// Command tls is pulumi-resource-tls: private keys and X.509 certificates that are kept in the state.
//
// It stands in for the official plug-in of @pulumi/tls 5.6.1 where that cannot be downloaded, and keeps its
// behaviour: a changed input makes a new key or certificate (the resource is replaced), and so does the time of
// a certificate's renewal. Which outputs are secret, the SDK tells the engine. Not here, because not used: the
// write-only inputs (…Wo) and the functions.
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
