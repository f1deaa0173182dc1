package main

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/bcrypt"
)

type object = map[string]property.Value

func create(t *testing.T, kind string, inputs object) (string, property.Map) {
	t.Helper()
	plugin, err := newProvider()
	if err != nil {
		t.Fatal(err)
	}
	lower := strings.ToLower(kind[:1]) + kind[1:]
	created, err := plugin.Create(context.Background(), provider.CreateRequest{
		Urn:        resource.URN("urn:pulumi:s::p::random:index/" + lower + ":" + kind + "::r"),
		Properties: property.NewMap(inputs),
	})
	if err != nil {
		t.Fatal(err)
	}
	return created.ID, created.Properties
}

func count(value, characters string) (number int) {
	for _, character := range value {
		if strings.ContainsRune(characters, character) {
			number++
		}
	}
	return number
}

func TestTextKeepsToItsClasses(t *testing.T) {
	for range 50 {
		_, state := create(t, "RandomString", object{
			"length":          property.New(20.0),
			"upper":           property.New(false),
			"minNumeric":      property.New(3.0),
			"minSpecial":      property.New(2.0),
			"overrideSpecial": property.New("-_"),
		})
		text := state.Get("result").AsString()
		lower := count(text, "abcdefghijklmnopqrstuvwxyz")
		digits, special := count(text, "0123456789"), count(text, "-_")
		if len(text) != 20 || lower+digits+special != 20 || digits < 3 || special < 2 {
			t.Fatalf("%q", text)
		}
	}
}

func TestPasswordIsHashedAndNotInTheID(t *testing.T) {
	id, state := create(t, "RandomPassword", object{"length": property.New(100.0)})
	password, hash := state.Get("result"), state.Get("bcryptHash")
	if id != "none" {
		t.Errorf("id %q", id)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(hash.AsString()), []byte(password.AsString())[:72]); err != nil {
		t.Error(err)
	}
	_, other := create(t, "RandomPassword", object{"length": property.New(100.0)})
	if other.Get("result").AsString() == password.AsString() {
		t.Error("the same password twice")
	}
}

func TestIDInAllForms(t *testing.T) {
	_, state := create(t, "RandomId", object{"byteLength": property.New(4.0), "prefix": property.New("x-")})
	text := state.Get("hex").AsString()
	data, err := hex.DecodeString(strings.TrimPrefix(text, "x-"))
	if err != nil || len(data) != 4 || !strings.HasPrefix(text, "x-") {
		t.Errorf("hex: %q", text)
	}
}
