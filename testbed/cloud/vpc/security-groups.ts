import type { Network } from "@yandex-cloud/nodejs-sdk/vpc-v1/network";
import {
    SecurityGroup,
    SecurityGroup_Status,
    type SecurityGroupRule,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import {
    CreateSecurityGroupMetadata,
    DeleteSecurityGroupMetadata,
    UpdateSecurityGroupMetadata,
    type SecurityGroupServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { failedPrecondition, invalidArgument, notFound } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { defaultRules, newRule, requireValidRule, sameRule } from "./security-rules.ts";
import { interfaces } from "./usage.ts";

const packSecurityGroup = (group: SecurityGroup) => pack("yandex.cloud.vpc.v1.SecurityGroup", SecurityGroup, group);

/** Rules of one group (documentation, "Quotas and limits" of Virtual Private Cloud). */
const maxRules = 50;

export function securityGroupHandlers(cloud: Cloud): Handlers<typeof SecurityGroupServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ securityGroupId }) => store.securityGroups.get(securityGroupId),
        list: (request) => ({ securityGroups: listed(store.securityGroups, request), nextPageToken: "" }),

        create: (request, call) => {
            const group: SecurityGroup = {
                ...newResource("securityGroup", request),
                networkId: request.networkId,
                status: SecurityGroup_Status.ACTIVE,
                rules: request.ruleSpecs.map(newRule),
                defaultForNetwork: false,
            };
            return operations.run(call, {
                description: "Create security group",
                metadata: pack("yandex.cloud.vpc.v1.CreateSecurityGroupMetadata", CreateSecurityGroupMetadata, {
                    securityGroupId: group.id,
                }),
                holds: [group.id],
                run: async () => {
                    cloud.change(() => {
                        store.securityGroups.put(group);
                        requireValid(store, group);
                    });
                    await cloud.applyNetwork(() => store.securityGroups.delete(group.id));
                    return packSecurityGroup(group);
                },
            });
        },

        update: (request, call) => {
            const { securityGroupId } = request;
            return operations.run(call, {
                description: "Update security group",
                metadata: updateMetadata(securityGroupId),
                holds: [securityGroupId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, [...descriptionFields, "rule_specs"]);
                    return updateGroup(cloud, securityGroupId, ({ rules }) => ({
                        ...describedBy(request, fields),
                        ...(fields.has("rule_specs") && { rules: withKeptIds(rules, request.ruleSpecs.map(newRule)) }),
                    }));
                },
            });
        },

        updateRules: (request, call) => {
            const { securityGroupId, deletionRuleIds } = request;
            return operations.run(call, {
                description: "Update security group rules",
                metadata: updateMetadata(securityGroupId),
                holds: [securityGroupId],
                run: async () =>
                    updateGroup(cloud, securityGroupId, ({ rules }) => {
                        const missing = deletionRuleIds.find((id) => !rules.some((rule) => rule.id === id));
                        if (missing !== undefined) throw notFound("Security group rule", missing);
                        const deleted = rules.filter((rule) => deletionRuleIds.includes(rule.id));
                        const kept = rules.filter((rule) => !deletionRuleIds.includes(rule.id));
                        return { rules: [...kept, ...withKeptIds(deleted, request.additionRuleSpecs.map(newRule))] };
                    }),
            });
        },

        delete: ({ securityGroupId }, call) =>
            operations.run(call, {
                description: "Delete security group",
                metadata: pack("yandex.cloud.vpc.v1.DeleteSecurityGroupMetadata", DeleteSecurityGroupMetadata, {
                    securityGroupId,
                }),
                holds: [securityGroupId],
                run: async () => {
                    const group = store.securityGroups.get(securityGroupId);
                    cloud.change(() => {
                        requireUnused(store, group);
                        store.securityGroups.delete(securityGroupId);
                    });
                    await cloud.applyNetwork(() => store.securityGroups.put(group));
                    return empty;
                },
            }),
    };
}

/** A network's default group, for interfaces without groups. */
export function defaultSecurityGroup(network: Network): SecurityGroup {
    return {
        id: network.defaultSecurityGroupId,
        folderId: network.folderId,
        createdAt: network.createdAt,
        name: `default-sg-${network.id}`,
        description: "Default security group for network",
        labels: {},
        networkId: network.id,
        status: SecurityGroup_Status.ACTIVE,
        rules: defaultRules(),
        defaultForNetwork: true,
    };
}

const updateMetadata = (securityGroupId: string) =>
    pack("yandex.cloud.vpc.v1.UpdateSecurityGroupMetadata", UpdateSecurityGroupMetadata, {
        securityGroupId,
        addedRuleIds: [],
    });

async function updateGroup(cloud: Cloud, id: string, changes: (group: SecurityGroup) => Partial<SecurityGroup>) {
    const { securityGroups } = cloud.store;
    const before = securityGroups.get(id);
    const group = cloud.change(() => {
        const updated = securityGroups.update(id, changes(before));
        requireValid(cloud.store, updated);
        return updated;
    });
    await cloud.applyNetwork(() => securityGroups.put(before));
    return packSecurityGroup(group);
}

/**
 * A new rule that equals a replaced one keeps its id. The provider also replaces unchanged rules, and would report
 * changed ids as drift.
 */
function withKeptIds(replaced: readonly SecurityGroupRule[], added: readonly SecurityGroupRule[]): SecurityGroupRule[] {
    const free = [...replaced];
    return added.map((rule) => {
        const index = free.findIndex((old) => sameRule(old, rule));
        return index < 0 ? rule : { ...rule, id: free.splice(index, 1)[0]?.id ?? rule.id };
    });
}

function requireValid(store: Store, group: SecurityGroup): void {
    requireFreeName(store.securityGroups, group);
    store.networks.get(group.networkId);
    if (group.rules.length > maxRules) {
        throw invalidArgument(`A security group has at most ${maxRules} rules, not ${group.rules.length}`);
    }
    for (const rule of group.rules) {
        requireValidRule(rule);
        if (rule.securityGroupId && store.securityGroups.get(rule.securityGroupId).networkId !== group.networkId) {
            throw invalidArgument(`Security group ${rule.securityGroupId} belongs to another network`);
        }
    }
}

function requireUnused(store: Store, group: SecurityGroup): void {
    if (group.defaultForNetwork) throw failedPrecondition(`Security group ${group.id} is the default of its network`);
    const instances = interfaces(store).filter(({ nic }) => nic.securityGroupIds.includes(group.id));
    if (instances.length > 0) {
        throw failedPrecondition(
            `Security group ${group.id} is in use by instance ${instances.map(({ instance }) => instance.id).join(", ")}`,
        );
    }
    const groups = store.securityGroups.where(
        (other) => other.id !== group.id && other.rules.some((rule) => rule.securityGroupId === group.id),
    );
    if (groups.length > 0) {
        throw failedPrecondition(
            `Security group ${group.id} is named by rules of ${groups.map(({ id }) => id).join(", ")}`,
        );
    }
}
