import type { Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import {
    SecurityGroupRule_Direction as Direction,
    type SecurityGroupRule,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import type { NetworkLoadBalancer } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer";
import type { NetworkState, SecurityRule } from "../../machines/driver.ts";
import type { Store } from "../state/store.ts";
import { interfaces } from "./usage.ts";

/** Where the cloud's load balancers check health from (Yandex VPC documentation, "Security groups"). */
const healthCheckSources = ["198.18.235.0/24", "198.18.248.0/24"];

/** The VPC's state for the data plane. */
export function networkState(store: Store): NetworkState {
    return {
        subnets: store.subnets.all().map((subnet) => ({
            id: subnet.id,
            networkId: subnet.networkId,
            zone: subnet.zoneId,
            cidr: subnet.v4CidrBlocks[0] ?? "",
            hasInternetRoute: hasInternetRoute(store, subnet.routeTableId),
        })),
        securityGroups: store.securityGroups.all().map((group) => ({
            id: group.id,
            networkId: group.networkId,
            rules: group.rules.map(securityRule),
        })),
        networkLoadBalancers: store.networkLoadBalancers
            .all()
            .flatMap((balancer) => networkLoadBalancer(store, balancer)),
        interfaces: interfaces(store).map(({ instance, nic }) => {
            const publicAddress = nic.primaryV4Address?.oneToOneNat?.address;
            return {
                instanceId: instance.id,
                index: Number(nic.index),
                hostname: hostname(instance),
                fqdn: instance.fqdn,
                subnetId: nic.subnetId,
                macAddress: nic.macAddress,
                address: nic.primaryV4Address?.address ?? "",
                ...(publicAddress && { publicAddress }),
                securityGroupIds:
                    nic.securityGroupIds.length > 0 ? nic.securityGroupIds : defaultGroups(store, nic.subnetId),
            };
        }),
    };
}

/** Empty for a load balancer without listeners or targets. */
function networkLoadBalancer(
    store: Store,
    balancer: NetworkLoadBalancer,
): NonNullable<NetworkState["networkLoadBalancers"]> {
    const [listener] = balancer.listeners;
    const [attached] = balancer.attachedTargetGroups;
    const [check] = attached?.healthChecks ?? [];
    if (listener === undefined || attached === undefined || check === undefined) return [];
    return [
        {
            id: balancer.id,
            name: balancer.name,
            address: listener.address,
            listeners: balancer.listeners.map(({ port, targetPort }) => ({ port, targetPort })),
            targets: store.targetGroups.get(attached.targetGroupId).targets.map(({ address }) => address),
            healthCheck: {
                intervalSeconds: check.interval?.seconds ?? 0,
                timeoutSeconds: check.timeout?.seconds ?? 0,
                unhealthyThreshold: check.unhealthyThreshold,
                healthyThreshold: check.healthyThreshold,
                port: (check.httpOptions ?? check.tcpOptions)?.port ?? 0,
                ...(check.httpOptions && { path: check.httpOptions.path || "/" }),
            },
        },
    ];
}

/** The guest's short name: the first label of its FQDN. */
export function hostname(instance: Instance): string {
    return instance.fqdn.split(".")[0] ?? instance.id;
}

function hasInternetRoute(store: Store, routeTableId: string): boolean {
    if (routeTableId === "") return false;
    const { staticRoutes } = store.routeTables.get(routeTableId);
    return staticRoutes.some((route) => route.destinationPrefix === "0.0.0.0/0" && route.gatewayId !== undefined);
}

/** An interface without security groups has its network's default group. */
function defaultGroups(store: Store, subnetId: string): string[] {
    const { networkId } = store.subnets.get(subnetId);
    return [store.networks.get(networkId).defaultSecurityGroupId];
}

function securityRule(rule: SecurityGroupRule): SecurityRule {
    return {
        direction: rule.direction === Direction.INGRESS ? "ingress" : "egress",
        protocol: rule.protocolName,
        ...(rule.ports && { fromPort: rule.ports.fromPort, toPort: rule.ports.toPort }),
        ...(rule.cidrBlocks && { cidrs: rule.cidrBlocks.v4CidrBlocks }),
        ...(rule.securityGroupId && { securityGroupId: rule.securityGroupId }),
        ...(rule.predefinedTarget === "self_security_group" && { selfSecurityGroup: true }),
        ...(rule.predefinedTarget === "loadbalancer_healthchecks" && { cidrs: healthCheckSources }),
    };
}
