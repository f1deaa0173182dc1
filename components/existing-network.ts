import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { AddressPlan } from "../cluster/address-plan.ts";
import { overlap, parseCidr } from "../cluster/ipv4.ts";
import type { Settings } from "../settings/index.ts";
import { ConfigurationError, type Mistake } from "../settings/mistakes.ts";

/**
 * Looks, before anything is made, whether the cluster fits into a network of the user's. The cloud would refuse it only
 * half-way.
 * @throws pulumi.RunError with all that is wrong
 */
export async function requireRoom({ network, clusterName }: Settings, plan: AddressPlan): Promise<void> {
    const { id, routeTableId, cidr } = network;
    if (id === undefined) return;
    const found = await existing(yandex.getVpcNetwork({ networkId: id }));
    if (found === undefined) return refuse([{ key: "networkId", value: id, rule: "must be a network that exists" }]);

    const subnets = await Promise.all(found.subnetIds.map((subnetId) => yandex.getVpcSubnet({ subnetId })));
    const own = new Set(plan.subnets.map(({ zone }) => `${clusterName}-${zone}`));
    const inTheWay = subnets
        .filter(({ name, labels }) => !(own.has(name) && labels["cluster"] === clusterName))
        .flatMap(({ name, v4CidrBlocks }) => v4CidrBlocks.map((range) => ({ name, range })))
        .filter(({ range }) => overlap(parseCidr(range)!, parseCidr(cidr)!));
    const mistakes: Mistake[] = [];
    if (inTheWay.length > 0) {
        const names = inTheWay.map(({ name, range }) => `${name} (${range})`).join(", ");
        mistakes.push({ key: "networkCidr", value: cidr, rule: `must not overlap subnets of the network: ${names}` });
    }
    if (routeTableId !== undefined) {
        const table = await existing(yandex.getVpcRouteTable({ routeTableId }));
        if (table?.networkId !== id)
            mistakes.push({ key: "routeTableId", value: routeTableId, rule: `must be a route table of ${id}` });
    }
    refuse(mistakes);
}

function refuse(mistakes: readonly Mistake[]): void {
    // RunError prints no stack trace.
    if (mistakes.length > 0) throw new pulumi.RunError(new ConfigurationError(mistakes).message);
}

/** Undefined where the cloud has no such resource, or does not show it. The provider has told its reason by then. */
const existing = <Found>(asked: Promise<Found>): Promise<Found | undefined> => asked.catch(() => undefined);
