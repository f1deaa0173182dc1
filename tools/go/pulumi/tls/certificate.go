package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// CertificateArgs are the inputs that self-signed and locally signed certificates share.
type CertificateArgs struct {
	AllowedUses         []string `pulumi:"allowedUses"`
	ValidityPeriodHours int      `pulumi:"validityPeriodHours"`
	// EarlyRenewalHours before its end the certificate counts as expired, and the next update replaces it.
	EarlyRenewalHours *int  `pulumi:"earlyRenewalHours,optional"`
	IsCaCertificate   *bool `pulumi:"isCaCertificate,optional"`
	MaxPathLength     *int  `pulumi:"maxPathLength,optional"`
	SetSubjectKeyID   *bool `pulumi:"setSubjectKeyId,optional"`
}

// Annotate sets the defaults of the official plug-in.
func (args *CertificateArgs) Annotate(a infer.Annotator) {
	a.SetDefault(&args.EarlyRenewalHours, 0)
	a.SetDefault(&args.IsCaCertificate, false)
	a.SetDefault(&args.SetSubjectKeyID, false)
}

// CertificateState is the state of both kinds.
type CertificateState struct {
	CertPem           string `pulumi:"certPem"`
	ReadyForRenewal   bool   `pulumi:"readyForRenewal"`
	ValidityStartTime string `pulumi:"validityStartTime"`
	ValidityEndTime   string `pulumi:"validityEndTime"`
}

var keyUsages = map[string]x509.KeyUsage{
	"digital_signature":  x509.KeyUsageDigitalSignature,
	"content_commitment": x509.KeyUsageContentCommitment,
	"key_encipherment":   x509.KeyUsageKeyEncipherment,
	"data_encipherment":  x509.KeyUsageDataEncipherment,
	"key_agreement":      x509.KeyUsageKeyAgreement,
	"cert_signing":       x509.KeyUsageCertSign,
	"crl_signing":        x509.KeyUsageCRLSign,
	"encipher_only":      x509.KeyUsageEncipherOnly,
	"decipher_only":      x509.KeyUsageDecipherOnly,
}

var extendedKeyUsages = map[string]x509.ExtKeyUsage{
	"any_extended":     x509.ExtKeyUsageAny,
	"server_auth":      x509.ExtKeyUsageServerAuth,
	"client_auth":      x509.ExtKeyUsageClientAuth,
	"code_signing":     x509.ExtKeyUsageCodeSigning,
	"email_protection": x509.ExtKeyUsageEmailProtection,
	"timestamping":     x509.ExtKeyUsageTimeStamping,
	"ocsp_signing":     x509.ExtKeyUsageOCSPSigning,
}

// sign completes the template (subject, names) and signs it with the parent's key; a nil parent means a
// self-signed certificate. It returns the certificate's serial number, which is the resource's id.
func (args CertificateArgs) sign(
	template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer,
) (id string, state CertificateState, err error) {
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return "", state, err
	}
	template.NotBefore = time.Now()
	template.NotAfter = template.NotBefore.Add(time.Duration(args.ValidityPeriodHours) * time.Hour)
	template.BasicConstraintsValid = true
	template.IsCA = *args.IsCaCertificate
	if template.IsCA && reflect.ValueOf(template.Subject).IsZero() {
		return "", state, errors.New("the certificate of an authority needs a subject")
	}
	if template.IsCA && args.MaxPathLength != nil && *args.MaxPathLength >= 0 {
		template.MaxPathLen = *args.MaxPathLength // 0 has no effect, as in the official plug-in
	}
	for _, use := range args.AllowedUses {
		usage, isBasic := keyUsages[use]
		extended, isExtended := extendedKeyUsages[use]
		switch {
		case isBasic:
			template.KeyUsage |= usage
		case isExtended:
			template.ExtKeyUsage = append(template.ExtKeyUsage, extended)
		default:
			return "", state, fmt.Errorf("invalid allowedUses: %q", use)
		}
	}
	if template.IsCA || *args.SetSubjectKeyID {
		if template.SubjectKeyId, err = subjectKeyID(public); err != nil {
			return "", state, err
		}
	}
	if parent == nil {
		parent = template
	}

	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return "", state, err
	}
	return template.SerialNumber.String(), CertificateState{
		CertPem:           encodePem("CERTIFICATE", der),
		ValidityStartTime: template.NotBefore.Format(time.RFC3339),
		ValidityEndTime:   template.NotAfter.Format(time.RFC3339),
	}, nil
}

// subjectKeyID is the SHA-1 hash of the public key's bits (RFC 5280, 4.2.1.2).
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	var bits []byte
	var err error
	switch key := public.(type) {
	case *rsa.PublicKey:
		bits, err = asn1.Marshal(*key)
	case *ecdsa.PublicKey:
		bits, err = key.Bytes()
	default: // ED25519, as the official plug-in hashes it
		bits, err = asn1.Marshal(key)
	}
	hash := sha1.Sum(bits)
	return hash[:], err
}

// dueForRenewal reports whether a certificate is within its hours of early renewal.
func (state CertificateState) dueForRenewal(args CertificateArgs, now time.Time) (bool, error) {
	if state.ValidityEndTime == "" {
		return false, nil
	}
	end, err := time.Parse(time.RFC3339, state.ValidityEndTime)
	if err != nil {
		return false, err
	}
	return !now.Before(end.Add(-time.Duration(*args.EarlyRenewalHours) * time.Hour)), nil
}

// diff compares inputs field by field. Every change except that of earlyRenewalHours replaces the certificate;
// so does the time of its renewal.
func diff(olds, news any, due bool) provider.DiffResponse {
	response := provider.DiffResponse{DetailedDiff: map[string]provider.PropertyDiff{}}
	compare(reflect.ValueOf(olds), reflect.ValueOf(news), response.DetailedDiff)
	if due {
		response.DetailedDiff["readyForRenewal"] = provider.PropertyDiff{Kind: provider.UpdateReplace}
	}
	response.HasChanges = len(response.DetailedDiff) > 0
	return response
}

func compare(olds, news reflect.Value, differences map[string]provider.PropertyDiff) {
	for i := range news.NumField() {
		field := news.Type().Field(i)
		if field.Anonymous {
			compare(olds.Field(i), news.Field(i), differences)
			continue
		}
		if reflect.DeepEqual(olds.Field(i).Interface(), news.Field(i).Interface()) {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
		kind := provider.UpdateReplace
		if name == "earlyRenewalHours" {
			kind = provider.Update
		}
		differences[name] = provider.PropertyDiff{Kind: kind, InputDiff: true}
	}
}
