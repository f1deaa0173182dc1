package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// CertRequest is tls:index/certRequest:CertRequest.
type CertRequest struct{}

// CertRequestArgs are the inputs of CertRequest.
type CertRequestArgs struct {
	AlternativeNames
	PrivateKeyPem string   `pulumi:"privateKeyPem" provider:"secret"`
	Subject       *Subject `pulumi:"subject,optional"`
}

// CertRequestState is the state of a CertRequest.
type CertRequestState struct {
	CertRequestArgs
	CertRequestPem string `pulumi:"certRequestPem"`
	KeyAlgorithm   string `pulumi:"keyAlgorithm"`
}

// Annotate sets the official plug-in's type token.
func (r *CertRequest) Annotate(a infer.Annotator) { a.SetToken("index/certRequest", "CertRequest") }

// Create signs the request with its own key.
func (*CertRequest) Create(
	_ context.Context, request infer.CreateRequest[CertRequestArgs],
) (infer.CreateResponse[CertRequestState], error) {
	args := request.Inputs
	response := infer.CreateResponse[CertRequestState]{Output: CertRequestState{CertRequestArgs: args}}
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
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:     args.Subject.name(),
		DNSNames:    args.DNSNames,
		IPAddresses: addresses,
		URIs:        uris,
	}, key)
	if err != nil {
		return response, err
	}
	hash := sha1.Sum(der)
	response.ID = hex.EncodeToString(hash[:])
	response.Output.CertRequestPem = encodePem("CERTIFICATE REQUEST", der)
	response.Output.KeyAlgorithm = algorithm
	return response, nil
}

func parseRequest(text string) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("certRequestPem is not a PEM certificate request")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return request, request.CheckSignature()
}
