package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/bcrypt"
)

// TextArgs are the inputs of RandomPassword and RandomString: the length, and for each class of characters
// whether it is allowed and how many are required.
type TextArgs struct {
	// Keepers are arbitrary values; a change of one draws a new text.
	Keepers         map[string]string `pulumi:"keepers,optional"`
	Length          int               `pulumi:"length"`
	Lower           *bool             `pulumi:"lower,optional"`
	Upper           *bool             `pulumi:"upper,optional"`
	Numeric         *bool             `pulumi:"numeric,optional"`
	Number          *bool             `pulumi:"number,optional"` // the older name of Numeric
	Special         *bool             `pulumi:"special,optional"`
	MinLower        *int              `pulumi:"minLower,optional"`
	MinUpper        *int              `pulumi:"minUpper,optional"`
	MinNumeric      *int              `pulumi:"minNumeric,optional"`
	MinSpecial      *int              `pulumi:"minSpecial,optional"`
	OverrideSpecial *string           `pulumi:"overrideSpecial,optional"`
}

// withDefaults returns the inputs as the state shows them: by default every class is allowed and none is required.
func (args TextArgs) withDefaults() TextArgs {
	yes, none := true, 0
	if args.Numeric == nil {
		args.Numeric = args.Number
	}
	for _, allowed := range []**bool{&args.Lower, &args.Upper, &args.Numeric, &args.Special} {
		if *allowed == nil {
			*allowed = &yes
		}
	}
	args.Number = args.Numeric
	for _, minimum := range []**int{&args.MinLower, &args.MinUpper, &args.MinNumeric, &args.MinSpecial} {
		if *minimum == nil {
			*minimum = &none
		}
	}
	return args
}

// draw requires arguments with defaults.
func (args TextArgs) draw() (string, error) {
	special := "!@#$%&*()-_=+[]{}<>:?"
	if args.OverrideSpecial != nil && *args.OverrideSpecial != "" {
		special = *args.OverrideSpecial
	}
	var alphabet string
	var drawn []rune
	for _, class := range []struct {
		characters string
		allowed    bool
		minimum    int
	}{
		{"abcdefghijklmnopqrstuvwxyz", *args.Lower, *args.MinLower},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *args.Upper, *args.MinUpper},
		{"0123456789", *args.Numeric, *args.MinNumeric},
		{special, *args.Special, *args.MinSpecial},
	} {
		if class.allowed {
			alphabet += class.characters
		}
		for range class.minimum {
			drawn = append(drawn, pick(class.characters))
		}
	}
	if alphabet == "" {
		return "", errors.New("the character set specified is empty")
	}
	if len(drawn) > args.Length {
		return "", fmt.Errorf("the length %d is less than the sum of the minimums %d", args.Length, len(drawn))
	}
	for len(drawn) < args.Length {
		drawn = append(drawn, pick(alphabet))
	}
	for i := len(drawn) - 1; i > 0; i-- { // Fisher-Yates, so that the required characters are not all at the beginning
		j := below(i + 1)
		drawn[i], drawn[j] = drawn[j], drawn[i]
	}
	return string(drawn), nil
}

func pick(characters string) rune {
	runes := []rune(characters)
	return runes[below(len(runes))]
}

// below draws an unbiased number from 0 to limit-1.
func below(limit int) int {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil {
		panic(err) // the operating system's source of randomness failed, so the program must stop
	}
	return int(number.Int64())
}

// Password is random:index/randomPassword:RandomPassword.
type Password struct{}

// PasswordState is the state of a Password.
type PasswordState struct {
	TextArgs
	Result     string `pulumi:"result" provider:"secret"`
	BcryptHash string `pulumi:"bcryptHash" provider:"secret"`
}

// Annotate sets the official plug-in's type token.
func (p *Password) Annotate(a infer.Annotator) { a.SetToken("index/randomPassword", "RandomPassword") }

// Create draws a password.
func (*Password) Create(
	_ context.Context, request infer.CreateRequest[TextArgs],
) (infer.CreateResponse[PasswordState], error) {
	response := infer.CreateResponse[PasswordState]{
		ID:     "none", // as in the official plug-in, because the id must not show the value
		Output: PasswordState{TextArgs: request.Inputs.withDefaults()},
	}
	if request.DryRun {
		return response, nil
	}
	text, err := response.Output.draw()
	if err != nil {
		return response, err
	}
	// bcrypt accepts 72 bytes; the official plug-in truncates longer passwords for the hash too.
	hash, err := bcrypt.GenerateFromPassword([]byte(text)[:min(len(text), 72)], bcrypt.DefaultCost)
	response.Output.Result, response.Output.BcryptHash = text, string(hash)
	return response, err
}

// String is random:index/randomString:RandomString, for values that are not secret.
type String struct{}

// StringState is the state of a String.
type StringState struct {
	TextArgs
	Result string `pulumi:"result"`
}

// Annotate sets the official plug-in's type token.
func (s *String) Annotate(a infer.Annotator) { a.SetToken("index/randomString", "RandomString") }

// Create draws a text.
func (*String) Create(
	_ context.Context, request infer.CreateRequest[TextArgs],
) (infer.CreateResponse[StringState], error) {
	response := infer.CreateResponse[StringState]{Output: StringState{TextArgs: request.Inputs.withDefaults()}}
	if request.DryRun {
		return response, nil
	}
	text, err := response.Output.draw()
	response.ID, response.Output.Result = text, text
	return response, err
}
