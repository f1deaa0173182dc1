/** The cluster's network, and who may connect. */
import { networkPrefixLengths } from "../cluster/address-plan.ts";
import { parseCidr } from "../cluster/ipv4.ts";
import { cloudId, isPrivate, loginName, sshPublicKey } from "./formats.ts";
import { key, ruleOver, secondStack, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";

export const networkKeys = {
    networkId: key({
        change: "fixed",
        kind: kind.optional(cloudId("a network")),
        default: "",
        description:
            "Id of a network that exists, in which the cluster makes its subnets; `pulumi destroy` leaves it. Empty means a network of the cluster's own.",
        fixed: `subnets, and the machines in them, cannot move to another network. ${secondStack}`,
    }),
    routeTableId: key({
        change: "live",
        kind: kind.optional(cloudId("a route table")),
        default: "",
        description:
            "Id of a route table of networkId for the cluster's subnets. Its routes must lead to package repositories and time servers. Empty means a NAT gateway and a route table of the cluster's own.",
    }),
    networkCidr: key({
        change: "fixed",
        kind: kind.cidr((range) => {
            const { min, max } = networkPrefixLengths;
            if (range.subnetMask < min || range.subnetMask > max) return `must be a range from /${min} to /${max}`;
            return isPrivate(range) ? undefined : "must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
        }),
        default: "10.10.0.0/16",
        description:
            "Range of the cluster's subnets, private, /16 to /25. It is cut into eight equal parts, one for each zone in turn. It must not overlap other subnets of the network, nor networks that you connect to it.",
        fixed: `the address of every machine is part of it. ${secondStack}`,
    }),
    adminCidrs: key({
        change: "live",
        kind: kind.cidrs(1, "must be a list of 1 to 50 IPv4 ranges that may open SSH to the jump host"),
        default: [],
        description:
            "Required. List of IPv4 ranges that may open SSH to the jump host, the only machine with a public address (`curl -4 ifconfig.me` shows yours; add /32).",
    }),
    allowSshFromAnywhere: key({
        change: "live",
        kind: kind.flag,
        default: false,
        description: "Set to true to allow ranges larger than /8 in adminCidrs.",
    }),
    clientCidrs: key({
        change: "live",
        kind: kind.cidrs(0, "must be a list of at most 50 IPv4 ranges", (range) =>
            isPrivate(range)
                ? undefined
                : "must be private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16): the endpoints have no public address",
        ),
        default: [],
        description:
            "List of private IPv4 ranges of the applications. They may open ports 5000 and 5001 on the load balancers and 6432 on the database nodes. Empty means networkCidr.",
    }),
    sshUser: key({
        change: "fixed",
        kind: loginName,
        default: "pgadmin",
        description: "Login name of the administrators on every machine. It may use sudo.",
        fixed: "existing machines have the account with which they were created and get no other. Add keys to sshPublicKeys, or create accounts by hand",
    }),
    sshPublicKeys: key({
        change: "live",
        kind: kind.list(sshPublicKey, {
            min: 1,
            max: 50,
            rule: "must be a list of 1 to 50 OpenSSH public keys of administrators",
            // A private key, configured by mistake, is recognized and hidden only if it is not split at its line ends.
            separator: /\n(?![^-]*-----END )/,
        }),
        default: [],
        description: "Required. List of OpenSSH public keys of the administrators.",
    }),
};

type Configuration = Values<typeof networkKeys>;
const rule = ruleOver<Configuration>();

export const network: Subject = {
    title: "Network and access",
    keys: networkKeys,
    rules: [
        rule(["networkId", "routeTableId"], ({ networkId, routeTableId }, refuse) => {
            if (routeTableId !== undefined && networkId === undefined)
                refuse("routeTableId", routeTableId, "must stand together with networkId, whose route table it is");
        }),
        rule(["adminCidrs", "allowSshFromAnywhere"], ({ adminCidrs, allowSshFromAnywhere }, refuse) => {
            if (allowSshFromAnywhere) return;
            const reason = "it would open SSH to the whole Internet; set allowSshFromAnywhere to true to allow that";
            adminCidrs.forEach((cidr, index) => {
                if (parseCidr(cidr)!.subnetMask < 8)
                    refuse(`adminCidrs[${index}]`, cidr, `must be /8 or smaller: ${reason}`);
            });
        }),
    ],
};

/** The settings of the network and of administrators' access. */
export function networkSettings(configuration: Configuration) {
    const { networkCidr, adminCidrs, clientCidrs } = configuration;
    return {
        network: {
            /** The network of the user's that the subnets are in. Undefined: one of the cluster's own. */
            id: configuration.networkId,
            /** The route table of the user's. Undefined: one of the cluster's own. */
            routeTableId: configuration.routeTableId,
            /** Range of the cluster's subnets; cluster/address-plan.ts divides it. */
            cidr: networkCidr,
            /** Who may open SSH to the jump host's public address. */
            adminCidrs,
            /** Who may open 5000 and 5001 on the load balancers and 6432 on the database nodes (private addresses). */
            clientCidrs: clientCidrs.length > 0 ? clientCidrs : [networkCidr],
        },
        ssh: { user: configuration.sshUser, publicKeys: configuration.sshPublicKeys },
    };
}
