/**
 * A team's network, with a subnet for its applications and a way out. The cluster goes into it:
 *
 *     pulumi config set networkId $(pulumi --cwd examples/network stack output networkId)
 *     pulumi config set routeTableId $(pulumi --cwd examples/network stack output routeTableId)
 *     pulumi config set clientCidrs 10.30.0.0/24
 *
 * Within this repository its packages are the program's own; elsewhere run `pulumi install` first.
 */
import * as yandex from "@pulumi/yandex";

const network = new yandex.VpcNetwork("team", { name: "team" });
const gateway = new yandex.VpcGateway("team-nat", { name: "team-nat", sharedEgressGateway: {} });
const routes = new yandex.VpcRouteTable("team-routes", {
    name: "team-routes",
    networkId: network.id,
    staticRoutes: [{ destinationPrefix: "0.0.0.0/0", gatewayId: gateway.id }],
});
const applications = new yandex.VpcSubnet("team-applications", {
    name: "team-applications",
    networkId: network.id,
    zone: "ru-central1-a",
    v4CidrBlocks: ["10.30.0.0/24"],
    routeTableId: routes.id,
});

export const networkId = network.id;
export const routeTableId = routes.id;
export const applicationsSubnetId = applications.id;
