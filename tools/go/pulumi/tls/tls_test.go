package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"golang.org/x/crypto/ssh"
)

type object = map[string]property.Value

var ctx = context.Background()

func text(value string) property.Value { return property.New(value) }

func texts(values ...string) property.Value {
	var list []property.Value
	for _, value := range values {
		list = append(list, text(value))
	}
	return property.New(list)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create checks the inputs, as the engine does, and creates the resource of that type.
func create(t *testing.T, kind string, inputs object) (checked, state property.Map) {
	t.Helper()
	plugin, err := newProvider()
	check(t, err)
	response, err := plugin.Check(ctx, provider.CheckRequest{Urn: urn(kind), Inputs: property.NewMap(inputs)})
	check(t, err)
	if len(response.Failures) > 0 {
		t.Fatal(response.Failures)
	}
	created, err := plugin.Create(ctx, provider.CreateRequest{Urn: urn(kind), Properties: response.Inputs})
	check(t, err)
	return response.Inputs, created.Properties
}

func urn(kind string) resource.URN {
	lower := strings.ToLower(kind[:1]) + kind[1:]
	return resource.URN("urn:pulumi:s::p::tls:index/" + lower + ":" + kind + "::r")
}

func TestPrivateKeysInAllForms(t *testing.T) {
	for name, sample := range map[string]struct {
		inputs object
		kind   string
		isKind func(any) bool
	}{
		"RSA": {object{"algorithm": text("RSA")}, "RSA PRIVATE KEY", func(key any) bool {
			rsaKey, ok := key.(*rsa.PrivateKey)
			return ok && rsaKey.N.BitLen() == 2048
		}},
		"ECDSA": {object{"algorithm": text("ECDSA"), "ecdsaCurve": text("P256")}, "EC PRIVATE KEY", func(key any) bool {
			ecdsaKey, ok := key.(*ecdsa.PrivateKey)
			return ok && ecdsaKey.Curve.Params().BitSize == 256
		}},
		"ED25519": {object{"algorithm": text("ED25519")}, "PRIVATE KEY", func(key any) bool {
			switch key.(type) {
			case ed25519.PrivateKey, *ed25519.PrivateKey:
				return true
			}
			return false
		}},
	} {
		_, state := create(t, "PrivateKey", sample.inputs)
		block, _ := pem.Decode([]byte(state.Get("privateKeyPem").AsString()))
		if block == nil || block.Type != sample.kind {
			t.Errorf("%s: privateKeyPem is %v", name, block)
		}
		key, algorithm, err := parseKey(state.Get("privateKeyPem").AsString())
		check(t, err)
		if algorithm != name || !sample.isKind(key) {
			t.Errorf("%s: got %s %T", name, algorithm, key)
		}
		sshKey, err := ssh.ParseRawPrivateKey([]byte(state.Get("privateKeyOpenssh").AsString()))
		check(t, err)
		if !sample.isKind(sshKey) {
			t.Errorf("%s: privateKeyOpenssh is %T", name, sshKey)
		}
		public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(state.Get("publicKeyOpenssh").AsString()))
		check(t, err)
		if ssh.FingerprintSHA256(public) != state.Get("publicKeyFingerprintSha256").AsString() {
			t.Errorf("%s: wrong fingerprint", name)
		}
	}
}

// authority creates a CA and a certificate that the CA has signed for ipAddresses and dnsNames.
func authority(t *testing.T, hours, earlyHours float64) (ca *x509.Certificate, inputs, state property.Map) {
	t.Helper()
	_, caKey := create(t, "PrivateKey", object{"algorithm": text("ECDSA"), "ecdsaCurve": text("P256")})
	_, caState := create(t, "SelfSignedCert", object{
		"privateKeyPem":       caKey.Get("privateKeyPem"),
		"subject":             property.New(object{"commonName": text("authority")}),
		"isCaCertificate":     property.New(true),
		"allowedUses":         texts("cert_signing", "crl_signing"),
		"validityPeriodHours": property.New(1000.0),
	})
	_, key := create(t, "PrivateKey", object{"algorithm": text("ED25519")})
	_, request := create(t, "CertRequest", object{
		"privateKeyPem": key.Get("privateKeyPem"),
		"subject":       property.New(object{"commonName": text("leaf"), "organization": text("org")}),
		"dnsNames":      texts("db-1.internal"),
		"ipAddresses":   texts("10.1.2.3"),
	})
	inputs, state = create(t, "LocallySignedCert", object{
		"certRequestPem":      request.Get("certRequestPem"),
		"caCertPem":           caState.Get("certPem"),
		"caPrivateKeyPem":     caKey.Get("privateKeyPem"),
		"allowedUses":         texts("digital_signature", "server_auth", "client_auth"),
		"validityPeriodHours": property.New(hours),
		"earlyRenewalHours":   property.New(earlyHours),
	})
	ca, err := parseCertificate(caState.Get("certPem").AsString())
	check(t, err)
	return ca, inputs, state
}

func TestLocallySignedCertificateVerifies(t *testing.T) {
	ca, _, state := authority(t, 24, 1)
	leaf, err := parseCertificate(state.Get("certPem").AsString())
	check(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, name := range []string{"db-1.internal", "10.1.2.3"} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}})
			check(t, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other"}); err == nil {
		t.Error("verified for another name")
	}
	if leaf.Subject.CommonName != "leaf" || leaf.Subject.Organization[0] != "org" || leaf.IsCA {
		t.Errorf("subject %v, CA %v", leaf.Subject, leaf.IsCA)
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != 24*time.Hour {
		t.Errorf("valid for %v", got)
	}
	if !state.Get("caPrivateKeyPem").Secret() {
		t.Error("the authority's key is not secret in the state")
	}
}

func TestCertificateIsReplacedWhenDueOrChanged(t *testing.T) {
	plugin, err := newProvider()
	check(t, err)
	for name, sample := range map[string]struct {
		hours, early float64
		change       object
		want         provider.DiffKind
	}{
		"unchanged":           {24, 1, nil, ""},
		"within early hours":  {24, 24, nil, provider.UpdateReplace},
		"expired":             {0, 0, nil, provider.UpdateReplace},
		"longer":              {24, 1, object{"validityPeriodHours": property.New(48.0)}, provider.UpdateReplace},
		"other uses":          {24, 1, object{"allowedUses": texts("server_auth")}, provider.UpdateReplace},
		"only earlier":        {24, 1, object{"earlyRenewalHours": property.New(2.0)}, provider.Update},
		"so early that it is": {24, 1, object{"earlyRenewalHours": property.New(24.0)}, provider.UpdateReplace},
	} {
		_, inputs, state := authority(t, sample.hours, sample.early)
		news := inputs
		for key, value := range sample.change {
			news = news.Set(key, value)
		}
		response, err := plugin.Diff(ctx, provider.DiffRequest{
			Urn: urn("LocallySignedCert"), State: state, OldInputs: inputs, Inputs: news,
		})
		check(t, err)
		var kinds []provider.DiffKind
		for _, difference := range response.DetailedDiff {
			kinds = append(kinds, difference.Kind)
		}
		switch {
		case sample.want == "" && response.HasChanges:
			t.Errorf("%s: %v", name, response.DetailedDiff)
		case sample.want == provider.UpdateReplace && !contains(kinds, provider.UpdateReplace):
			t.Errorf("%s: %v", name, response.DetailedDiff)
		case sample.want == provider.Update && (len(kinds) != 1 || kinds[0] != provider.Update):
			t.Errorf("%s: %v", name, response.DetailedDiff)
		}
	}
}

func contains(kinds []provider.DiffKind, kind provider.DiffKind) bool {
	for _, other := range kinds {
		if other == kind {
			return true
		}
	}
	return false
}
