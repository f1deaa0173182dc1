package main

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// SelfSignedCert is tls:index/selfSignedCert:SelfSignedCert, for example an authority's certificate.
type SelfSignedCert struct{}

// SelfSignedCertArgs are the inputs of SelfSignedCert.
type SelfSignedCertArgs struct {
	CertificateArgs
	AlternativeNames
	PrivateKeyPem     string   `pulumi:"privateKeyPem" provider:"secret"`
	Subject           *Subject `pulumi:"subject,optional"`
	SetAuthorityKeyID *bool    `pulumi:"setAuthorityKeyId,optional"`
}

// Annotate sets the defaults of the official plug-in.
func (args *SelfSignedCertArgs) Annotate(a infer.Annotator) {
	args.CertificateArgs.Annotate(a)
	a.SetDefault(&args.SetAuthorityKeyID, false)
}

// SelfSignedCertState is the state of a SelfSignedCert.
type SelfSignedCertState struct {
	SelfSignedCertArgs
	CertificateState
	KeyAlgorithm string `pulumi:"keyAlgorithm"`
}

// Annotate sets the official plug-in's type token.
func (c *SelfSignedCert) Annotate(a infer.Annotator) {
	a.SetToken("index/selfSignedCert", "SelfSignedCert")
}

// Create signs a certificate with its own key.
func (*SelfSignedCert) Create(
	_ context.Context, request infer.CreateRequest[SelfSignedCertArgs],
) (infer.CreateResponse[SelfSignedCertState], error) {
	args := request.Inputs
	response := infer.CreateResponse[SelfSignedCertState]{Output: SelfSignedCertState{SelfSignedCertArgs: args}}
	if request.DryRun {
		return response, nil
	}
	key, algorithm, err := parseKey(args.PrivateKeyPem)
	if err != nil {
		return response, err
	}
	addresses, uris, err := args.parse()
	if err != nil {
		return response, err
	}
	template := &x509.Certificate{
		Subject:     args.Subject.name(),
		DNSNames:    args.DNSNames,
		IPAddresses: addresses,
		URIs:        uris,
	}
	if *args.SetAuthorityKeyID {
		if template.AuthorityKeyId, err = subjectKeyID(key.Public()); err != nil {
			return response, err
		}
	}
	response.Output.KeyAlgorithm = algorithm
	response.ID, response.Output.CertificateState, err = args.sign(template, nil, key.Public(), key)
	return response, err
}

// Diff adds the time of renewal to the changes.
func (*SelfSignedCert) Diff(
	_ context.Context, request infer.DiffRequest[SelfSignedCertArgs, SelfSignedCertState],
) (infer.DiffResponse, error) {
	due, err := request.State.dueForRenewal(request.Inputs.CertificateArgs, time.Now())
	return diff(request.State.SelfSignedCertArgs, request.Inputs, due), err
}

// Update stores inputs that do not change the certificate.
func (*SelfSignedCert) Update(
	_ context.Context, request infer.UpdateRequest[SelfSignedCertArgs, SelfSignedCertState],
) (infer.UpdateResponse[SelfSignedCertState], error) {
	state := request.State
	state.SelfSignedCertArgs = request.Inputs
	return infer.UpdateResponse[SelfSignedCertState]{Output: state}, nil
}
