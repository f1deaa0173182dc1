package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
)

// PrivateKey is tls:index/privateKey:PrivateKey.
type PrivateKey struct{}

// PrivateKeyArgs are the inputs of PrivateKey.
type PrivateKeyArgs struct {
	Algorithm  string  `pulumi:"algorithm"` // RSA, ECDSA or ED25519
	EcdsaCurve *string `pulumi:"ecdsaCurve,optional"`
	RsaBits    *int    `pulumi:"rsaBits,optional"`
}

// Annotate sets the defaults of the official plug-in.
func (args *PrivateKeyArgs) Annotate(a infer.Annotator) {
	a.SetDefault(&args.EcdsaCurve, "P224")
	a.SetDefault(&args.RsaBits, 2048)
}

// PrivateKeyState is the state of a PrivateKey. For curve P224, which SSH lacks, the OpenSSH forms are empty.
type PrivateKeyState struct {
	PrivateKeyArgs
	PrivateKeyPem              string `pulumi:"privateKeyPem" provider:"secret"`
	PrivateKeyPemPkcs8         string `pulumi:"privateKeyPemPkcs8" provider:"secret"`
	PrivateKeyOpenssh          string `pulumi:"privateKeyOpenssh" provider:"secret"`
	PublicKeyPem               string `pulumi:"publicKeyPem"`
	PublicKeyOpenssh           string `pulumi:"publicKeyOpenssh"`
	PublicKeyFingerprintMd5    string `pulumi:"publicKeyFingerprintMd5"`
	PublicKeyFingerprintSha256 string `pulumi:"publicKeyFingerprintSha256"`
}

// Annotate sets the official plug-in's type token.
func (k *PrivateKey) Annotate(a infer.Annotator) { a.SetToken("index/privateKey", "PrivateKey") }

// Create generates a key.
func (*PrivateKey) Create(
	_ context.Context, request infer.CreateRequest[PrivateKeyArgs],
) (infer.CreateResponse[PrivateKeyState], error) {
	response := infer.CreateResponse[PrivateKeyState]{Output: PrivateKeyState{PrivateKeyArgs: request.Inputs}}
	if request.DryRun {
		return response, nil
	}
	key, err := generateKey(request.Inputs)
	if err != nil {
		return response, err
	}
	response.ID, err = response.Output.encode(key)
	return response, err
}

var curves = map[string]elliptic.Curve{
	"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
}

func generateKey(args PrivateKeyArgs) (crypto.Signer, error) {
	switch args.Algorithm {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, *args.RsaBits)
	case "ECDSA":
		curve, ok := curves[*args.EcdsaCurve]
		if !ok {
			return nil, fmt.Errorf("invalid ECDSA curve %q: it is one of P224, P256, P384, P521", *args.EcdsaCurve)
		}
		return ecdsa.GenerateKey(curve, rand.Reader)
	case "ED25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, fmt.Errorf("invalid key algorithm %q: it is one of RSA, ECDSA, ED25519", args.Algorithm)
	}
}

// encode writes the key in all its forms and returns the resource's id, a hash of the public key.
func (state *PrivateKeyState) encode(key crypto.Signer) (id string, err error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	state.PrivateKeyPemPkcs8 = encodePem("PRIVATE KEY", pkcs8)
	switch key := key.(type) { // the traditional form, where the algorithm has one
	case *rsa.PrivateKey:
		state.PrivateKeyPem = encodePem("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return "", err
		}
		state.PrivateKeyPem = encodePem("EC PRIVATE KEY", der)
	default:
		state.PrivateKeyPem = state.PrivateKeyPemPkcs8
	}

	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	state.PublicKeyPem = encodePem("PUBLIC KEY", public)
	hash := sha1.Sum(public)
	id = hex.EncodeToString(hash[:])

	sshPublic, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return id, nil // P224
	}
	state.PublicKeyOpenssh = string(ssh.MarshalAuthorizedKey(sshPublic))
	state.PublicKeyFingerprintMd5 = ssh.FingerprintLegacyMD5(sshPublic)
	state.PublicKeyFingerprintSha256 = ssh.FingerprintSHA256(sshPublic)
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return "", err
	}
	state.PrivateKeyOpenssh = string(pem.EncodeToMemory(block))
	return id, nil
}

func encodePem(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// parseKey reads a private key in any PEM form written above except OpenSSH's, and returns its algorithm.
func parseKey(text string) (crypto.Signer, string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", errors.New("the private key is not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("unsupported PEM type %q of a private key", block.Type)
	}
	if err != nil {
		return nil, "", err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, "RSA", nil
	case *ecdsa.PrivateKey:
		return key, "ECDSA", nil
	case ed25519.PrivateKey:
		return key, "ED25519", nil
	default:
		return nil, "", fmt.Errorf("unsupported private key %T", key)
	}
}
