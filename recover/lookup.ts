/**
 * A Pulumi program that makes nothing: it asks the provider for resources by their names. index.ts runs its preview in
 * a project of its own. Both its files are named in the environment, because nothing else is handed through Pulumi.
 */
import { readFileSync, writeFileSync } from "node:fs";
import * as yandex from "@pulumi/yandex";

/** What is asked for, by position. */
export interface Wanted {
    readonly type: string;
    readonly name: string;
}

/** By Pulumi's type: the provider's function, and what its messages call such a resource. */
export const lookups: Readonly<
    Record<string, { readonly ask: (args: { name: string }) => Promise<object>; readonly called: string }>
> = {
    "yandex:index/vpcNetwork:VpcNetwork": { ask: yandex.getVpcNetwork, called: "network" },
    "yandex:index/vpcSubnet:VpcSubnet": { ask: yandex.getVpcSubnet, called: "subnet" },
    "yandex:index/vpcGateway:VpcGateway": { ask: yandex.getVpcGateway, called: "gateway" },
    "yandex:index/vpcRouteTable:VpcRouteTable": { ask: yandex.getVpcRouteTable, called: "route_table" },
    "yandex:index/vpcSecurityGroup:VpcSecurityGroup": { ask: yandex.getVpcSecurityGroup, called: "security_group" },
    "yandex:index/vpcAddress:VpcAddress": { ask: yandex.getVpcAddress, called: "address" },
    "yandex:index/computeDisk:ComputeDisk": { ask: yandex.getComputeDisk, called: "disk" },
    "yandex:index/computeInstance:ComputeInstance": { ask: yandex.getComputeInstance, called: "instance" },
    "yandex:index/computePlacementGroup:ComputePlacementGroup": {
        ask: yandex.getComputePlacementGroup,
        called: "placement group",
    },
    "yandex:index/lbTargetGroup:LbTargetGroup": { ask: yandex.getLbTargetGroup, called: "target group" },
    "yandex:index/lbNetworkLoadBalancer:LbNetworkLoadBalancer": {
        ask: yandex.getLbNetworkLoadBalancer,
        called: "network load balancer",
    },
};

/** Where index.ts says so, and nowhere when it only reads the table above. */
const { RECOVER_WANTED, RECOVER_FOUND } = process.env;
if (RECOVER_WANTED !== undefined && RECOVER_FOUND !== undefined) {
    const wanted = JSON.parse(readFileSync(RECOVER_WANTED, "utf8")) as Wanted[];
    const found = await Promise.all(
        wanted.map(({ type, name }) => lookups[type]!.ask({ name }).then(withoutMetadata, () => null)),
    );
    writeFileSync(RECOVER_FOUND, JSON.stringify(found));
}

/** A machine's user-data has its SSH host key. */
function withoutMetadata(resource: object): object {
    return { ...resource, metadata: undefined };
}
