package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math/big"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// ID is random:index/randomId:RandomId: bytes that make names unique.
type ID struct{}

// IDArgs are the inputs of ID.
type IDArgs struct {
	Keepers    map[string]string `pulumi:"keepers,optional"`
	ByteLength int               `pulumi:"byteLength"`
	Prefix     *string           `pulumi:"prefix,optional"`
}

// IDState is the state of an ID.
type IDState struct {
	IDArgs
	B64Std string `pulumi:"b64Std"`
	B64Url string `pulumi:"b64Url"`
	Dec    string `pulumi:"dec"`
	Hex    string `pulumi:"hex"`
}

// Annotate sets the official plug-in's type token.
func (i *ID) Annotate(a infer.Annotator) { a.SetToken("index/randomId", "RandomId") }

// Create draws the bytes.
func (*ID) Create(_ context.Context, request infer.CreateRequest[IDArgs]) (infer.CreateResponse[IDState], error) {
	response := infer.CreateResponse[IDState]{Output: IDState{IDArgs: request.Inputs}}
	if request.DryRun {
		return response, nil
	}
	data, err := draw(request.Inputs.ByteLength)
	if err != nil {
		return response, err
	}
	prefix := ""
	if request.Inputs.Prefix != nil {
		prefix = *request.Inputs.Prefix
	}
	response.ID = base64.RawURLEncoding.EncodeToString(data)
	response.Output.B64Std = prefix + base64.StdEncoding.EncodeToString(data)
	response.Output.B64Url = prefix + response.ID
	response.Output.Dec = prefix + new(big.Int).SetBytes(data).String()
	response.Output.Hex = prefix + hex.EncodeToString(data)
	return response, nil
}

// Bytes is random:index/randomBytes:RandomBytes: secret bytes, for keys.
type Bytes struct{}

// BytesArgs are the inputs of Bytes.
type BytesArgs struct {
	Keepers map[string]string `pulumi:"keepers,optional"`
	Length  int               `pulumi:"length"`
}

// BytesState is the state of Bytes.
type BytesState struct {
	BytesArgs
	Base64 string `pulumi:"base64" provider:"secret"`
	Hex    string `pulumi:"hex" provider:"secret"`
}

// Annotate sets the official plug-in's type token.
func (b *Bytes) Annotate(a infer.Annotator) { a.SetToken("index/randomBytes", "RandomBytes") }

// Create draws the bytes.
func (*Bytes) Create(
	_ context.Context, request infer.CreateRequest[BytesArgs],
) (infer.CreateResponse[BytesState], error) {
	response := infer.CreateResponse[BytesState]{ID: "none", Output: BytesState{BytesArgs: request.Inputs}}
	if request.DryRun {
		return response, nil
	}
	data, err := draw(request.Inputs.Length)
	if err != nil {
		return response, err
	}
	response.Output.Base64 = base64.StdEncoding.EncodeToString(data)
	response.Output.Hex = hex.EncodeToString(data)
	return response, nil
}

func draw(length int) ([]byte, error) {
	data := make([]byte, length)
	_, err := rand.Read(data)
	return data, err
}
