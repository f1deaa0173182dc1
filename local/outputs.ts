/** The program's outputs, as `pulumi stack output --json --show-secrets` prints them. */
export interface Outputs {
    readonly leaderEndpoint: { readonly host: string; readonly address: string; readonly port: number };
    readonly replicaEndpoint: { readonly host: string; readonly address: string; readonly port: number };
    readonly statisticsUrl: readonly string[];
    readonly connections: readonly {
        readonly database: string;
        readonly user: string;
        readonly password: string;
        readonly readWrite: string;
        readonly readOnly: string;
        readonly multiHost: string;
    }[];
    readonly caCertificate: string;
    readonly sshConfig: string;
    readonly sshKnownHosts: string;
    readonly jumpHostAddress: string;
    readonly nodes: readonly {
        readonly hostname: string;
        readonly fqdn: string;
        readonly zone: string;
        readonly address: string;
    }[];
}
