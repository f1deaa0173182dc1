import { isDeepStrictEqual } from "node:util";
import {
    SecurityGroupRule_Direction as Direction,
    type SecurityGroupRule,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import type { SecurityGroupRuleSpec } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { invalidArgument, unimplemented } from "../api/errors.ts";
import { newId } from "../state/ids.ts";
import { parseCidr } from "./ip.ts";

/** CIDRs of one rule (documentation, "Quotas and limits" of Virtual Private Cloud). */
const maxCidrs = 50;

/** Yandex VPC's protocols (the same page), with IANA's names and numbers. */
const protocolNumbers: Record<string, number> = { ANY: -1, ICMP: 1, TCP: 6, UDP: 17, GRE: 47, ESP: 50, AH: 51 };

const predefinedTargets = ["self_security_group", "loadbalancer_healthchecks"];

/** The rule that a specification asks for, under a new id. */
export function newRule(spec: SecurityGroupRuleSpec): SecurityGroupRule {
    const protocol = protocolOf(spec);
    return {
        id: newId("securityGroupRule"),
        description: spec.description,
        labels: spec.labels,
        direction: spec.direction,
        ports: spec.ports,
        protocolName: protocol.name,
        protocolNumber: protocol.number,
        cidrBlocks: spec.cidrBlocks,
        securityGroupId: spec.securityGroupId,
        predefinedTarget: spec.predefinedTarget,
    };
}

function protocolOf({ protocolName, protocolNumber }: SecurityGroupRuleSpec): { name: string; number: number } {
    const name = (protocolName ?? nameOfProtocol(protocolNumber) ?? "ANY").toUpperCase();
    const number = protocolNumbers[name];
    if (number === undefined) {
        throw invalidArgument(`Protocol ${name} is not one of ${Object.keys(protocolNumbers).join(", ")}`);
    }
    return { name, number };
}

function nameOfProtocol(number: number | undefined): string | undefined {
    if (number === undefined) return undefined;
    return Object.keys(protocolNumbers).find((name) => protocolNumbers[name] === number) ?? String(number);
}

/** Whether two rules differ in nothing but their id. */
export const sameRule = (a: SecurityGroupRule, b: SecurityGroupRule) =>
    isDeepStrictEqual({ ...a, id: "" }, { ...b, id: "" });

/** @throws INVALID_ARGUMENT */
export function requireValidRule(rule: SecurityGroupRule): void {
    const targets = [rule.cidrBlocks, rule.securityGroupId, rule.predefinedTarget].filter(
        (target) => target !== undefined,
    );
    if (targets.length !== 1)
        throw invalidArgument("A rule needs exactly one of CIDR blocks, security group, predefined target");
    if (rule.ports !== undefined && rule.ports.fromPort > rule.ports.toPort) {
        throw invalidArgument(`Ports ${rule.ports.fromPort}-${rule.ports.toPort}: the first is greater than the last`);
    }
    if (rule.predefinedTarget !== undefined && !predefinedTargets.includes(rule.predefinedTarget)) {
        throw invalidArgument(
            `Predefined target ${rule.predefinedTarget} is not one of ${predefinedTargets.join(", ")}`,
        );
    }
    if (rule.cidrBlocks === undefined) return;
    const { v4CidrBlocks, v6CidrBlocks } = rule.cidrBlocks;
    if (v6CidrBlocks.length > 0) throw unimplemented("IPv6");
    if (v4CidrBlocks.length === 0) throw invalidArgument("A rule's list of CIDR blocks is empty");
    if (v4CidrBlocks.length > maxCidrs)
        throw invalidArgument(`A rule has at most ${maxCidrs} CIDR blocks, not ${v4CidrBlocks.length}`);
    const wrong = v4CidrBlocks.find((text) => parseCidr(text) === undefined);
    if (wrong !== undefined) throw invalidArgument(`${JSON.stringify(wrong)} is not an IPv4 range in CIDR notation`);
}

/** The rules of a network's default group (documentation, "Security groups", default security group rules). */
export function defaultRules(): SecurityGroupRule[] {
    const rule = (direction: Direction, description: string, rest: Partial<SecurityGroupRuleSpec>) =>
        newRule({
            description,
            labels: {},
            direction,
            protocolName: "ANY",
            protocolNumber: undefined,
            securityGroupId: undefined,
            predefinedTarget: undefined,
            ...rest,
        });
    const anywhere = { cidrBlocks: { v4CidrBlocks: ["0.0.0.0/0"], v6CidrBlocks: [] } };
    const port = (number: number) => ({
        protocolName: "TCP",
        ports: { fromPort: number, toPort: number },
        ...anywhere,
    });
    return [
        rule(Direction.EGRESS, "Any traffic out", anywhere),
        rule(Direction.INGRESS, "Any traffic within the group", { predefinedTarget: "self_security_group" }),
        rule(Direction.INGRESS, "SSH", port(22)),
        rule(Direction.INGRESS, "RDP", port(3389)),
        rule(Direction.INGRESS, "ICMP", { protocolName: "ICMP", ...anywhere }),
    ];
}
