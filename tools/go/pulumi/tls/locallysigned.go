package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// LocallySignedCert is tls:index/locallySignedCert:LocallySignedCert: a request that is signed with the key of an
// authority.
type LocallySignedCert struct{}

// LocallySignedCertArgs are the inputs of LocallySignedCert.
type LocallySignedCertArgs struct {
	CertificateArgs
	CertRequestPem  string `pulumi:"certRequestPem"`
	CaCertPem       string `pulumi:"caCertPem"`
	CaPrivateKeyPem string `pulumi:"caPrivateKeyPem" provider:"secret"`
}

// Annotate sets the defaults of the official plug-in.
func (args *LocallySignedCertArgs) Annotate(a infer.Annotator) { args.CertificateArgs.Annotate(a) }

// LocallySignedCertState is the state of a LocallySignedCert.
type LocallySignedCertState struct {
	LocallySignedCertArgs
	CertificateState
	CaKeyAlgorithm string `pulumi:"caKeyAlgorithm"`
}

// Annotate sets the official plug-in's type token.
func (c *LocallySignedCert) Annotate(a infer.Annotator) {
	a.SetToken("index/locallySignedCert", "LocallySignedCert")
}

// Create signs the request.
func (*LocallySignedCert) Create(
	ctx context.Context, request infer.CreateRequest[LocallySignedCertArgs],
) (infer.CreateResponse[LocallySignedCertState], error) {
	args := request.Inputs
	response := infer.CreateResponse[LocallySignedCertState]{
		Output: LocallySignedCertState{LocallySignedCertArgs: args},
	}
	if request.DryRun {
		return response, nil
	}
	certRequest, err := parseRequest(args.CertRequestPem)
	if err != nil {
		return response, err
	}
	key, algorithm, err := parseKey(args.CaPrivateKeyPem)
	if err != nil {
		return response, err
	}
	authority, err := parseCertificate(args.CaCertPem)
	if err != nil {
		return response, err
	}
	if !authority.IsCA {
		provider.GetLogger(ctx).Warning("the certificate given as caCertPem is not that of an authority")
	}
	response.Output.CaKeyAlgorithm = algorithm
	response.ID, response.Output.CertificateState, err = args.sign(&x509.Certificate{
		Subject:     certRequest.Subject,
		DNSNames:    certRequest.DNSNames,
		IPAddresses: certRequest.IPAddresses,
		URIs:        certRequest.URIs,
	}, authority, certRequest.PublicKey, key)
	return response, err
}

// Diff adds the time of renewal to the changes.
func (*LocallySignedCert) Diff(
	_ context.Context, request infer.DiffRequest[LocallySignedCertArgs, LocallySignedCertState],
) (infer.DiffResponse, error) {
	due, err := request.State.dueForRenewal(request.Inputs.CertificateArgs, time.Now())
	return diff(request.State.LocallySignedCertArgs, request.Inputs, due), err
}

// Update stores inputs that do not change the certificate.
func (*LocallySignedCert) Update(
	_ context.Context, request infer.UpdateRequest[LocallySignedCertArgs, LocallySignedCertState],
) (infer.UpdateResponse[LocallySignedCertState], error) {
	state := request.State
	state.LocallySignedCertArgs = request.Inputs
	return infer.UpdateResponse[LocallySignedCertState]{Output: state}, nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("caCertPem is not a PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
