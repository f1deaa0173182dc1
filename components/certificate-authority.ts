import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

export interface CertificateArgs {
    readonly commonName: string;
    readonly dnsNames: readonly string[];
    readonly ipAddresses: readonly string[];
    /** Whether the holder may also present the certificate as a client (to etcd and Patroni). */
    readonly client: boolean;
}

/** A certificate and its key, PEM. */
export interface IssuedCertificate {
    readonly certificatePem: pulumi.Output<string>;
    /** Secret. */
    readonly privateKeyPem: pulumi.Output<string>;
}

/** Elliptic curve of every key: fast handshakes, understood by every component. */
const KEY = { algorithm: "ECDSA", ecdsaCurve: "P256" } as const;
const HOURS_PER_DAY = 24;
const AUTHORITY_VALIDITY_HOURS = 10 * 365 * HOURS_PER_DAY;
/** An `up` within the last third of a certificate's year replaces it; services take the new one by a reload. */
const CERTIFICATE_VALIDITY_HOURS = 365 * HOURS_PER_DAY;
const EARLY_RENEWAL_HOURS = 120 * HOURS_PER_DAY;

/** The cluster's own certificate authority. */
export class CertificateAuthority extends pulumi.ComponentResource {
    readonly certificatePem: pulumi.Output<string>;
    private readonly name: string;
    private readonly privateKeyPem: pulumi.Output<string>;

    constructor(name: string, args: { readonly clusterName: string }, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:CertificateAuthority", name, {}, opts);
        this.name = name;
        const key = new tls.PrivateKey(name, KEY, { parent: this });
        const certificate = new tls.SelfSignedCert(
            name,
            {
                privateKeyPem: key.privateKeyPem,
                isCaCertificate: true,
                subject: { commonName: `${args.clusterName} certificate authority`, organization: "postgres-ha" },
                allowedUses: ["cert_signing", "crl_signing"],
                validityPeriodHours: AUTHORITY_VALIDITY_HOURS,
            },
            { parent: this },
        );
        this.privateKeyPem = key.privateKeyPem;
        this.certificatePem = certificate.certPem;
        this.registerOutputs({ certificatePem: this.certificatePem });
    }

    /** Issues a server certificate. The name is its identity: a new name is a new key. */
    issue(name: string, args: CertificateArgs): IssuedCertificate {
        const logicalName = `${this.name}-${name}`;
        const key = new tls.PrivateKey(logicalName, KEY, { parent: this });
        const request = new tls.CertRequest(
            logicalName,
            {
                privateKeyPem: key.privateKeyPem,
                subject: { commonName: args.commonName, organization: "postgres-ha" },
                dnsNames: [...args.dnsNames],
                ipAddresses: [...args.ipAddresses],
            },
            { parent: this },
        );
        const certificate = new tls.LocallySignedCert(
            logicalName,
            {
                caPrivateKeyPem: this.privateKeyPem,
                caCertPem: this.certificatePem,
                certRequestPem: request.certRequestPem,
                allowedUses: [
                    "digital_signature",
                    "key_encipherment",
                    "server_auth",
                    ...(args.client ? ["client_auth"] : []),
                ],
                validityPeriodHours: CERTIFICATE_VALIDITY_HOURS,
                earlyRenewalHours: EARLY_RENEWAL_HOURS,
            },
            { parent: this },
        );
        return { certificatePem: certificate.certPem, privateKeyPem: key.privateKeyPem };
    }
}
