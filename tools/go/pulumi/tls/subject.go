package main

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
)

// Subject is the name of a certificate's holder.
type Subject struct {
	CommonName         *string  `pulumi:"commonName,optional"`
	Organization       *string  `pulumi:"organization,optional"`
	OrganizationalUnit *string  `pulumi:"organizationalUnit,optional"`
	StreetAddresses    []string `pulumi:"streetAddresses,optional"`
	Locality           *string  `pulumi:"locality,optional"`
	Province           *string  `pulumi:"province,optional"`
	Country            *string  `pulumi:"country,optional"`
	PostalCode         *string  `pulumi:"postalCode,optional"`
	SerialNumber       *string  `pulumi:"serialNumber,optional"`
	EmailAddress       *string  `pulumi:"emailAddress,optional"`
}

// The object identifier of an e-mail address in a subject (PKCS #9).
var emailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

func (s *Subject) name() pkix.Name {
	if s == nil {
		return pkix.Name{}
	}
	name := pkix.Name{
		Organization:       list(s.Organization),
		OrganizationalUnit: list(s.OrganizationalUnit),
		StreetAddress:      s.StreetAddresses,
		Locality:           list(s.Locality),
		Province:           list(s.Province),
		Country:            list(s.Country),
		PostalCode:         list(s.PostalCode),
	}
	if s.CommonName != nil {
		name.CommonName = *s.CommonName
	}
	if s.SerialNumber != nil {
		name.SerialNumber = *s.SerialNumber
	}
	if s.EmailAddress != nil {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{
			Type:  emailAddress,
			Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(*s.EmailAddress)},
		}}
	}
	return name
}

func list(value *string) []string {
	if value == nil {
		return nil
	}
	return []string{*value}
}

// AlternativeNames lists the names and addresses for which the certificate is valid.
type AlternativeNames struct {
	DNSNames    []string `pulumi:"dnsNames,optional"`
	IPAddresses []string `pulumi:"ipAddresses,optional"`
	Uris        []string `pulumi:"uris,optional"`
}

func (names AlternativeNames) parse() (addresses []net.IP, uris []*url.URL, err error) {
	for _, text := range names.IPAddresses {
		address := net.ParseIP(text)
		if address == nil {
			return nil, nil, fmt.Errorf("invalid IP address %q", text)
		}
		addresses = append(addresses, address)
	}
	for _, text := range names.Uris {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid URI: %w", err)
		}
		uris = append(uris, uri)
	}
	return addresses, uris, nil
}
