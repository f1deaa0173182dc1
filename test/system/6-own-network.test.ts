import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { captureAsClient } from "../../testbed/machines/client.ts";
import { inCloud } from "../../local/changes/places.ts";
import { local, mustRun, pulumi, stackOutputs } from "../../local/commands.ts";
import { sql } from "../../local/sql.ts";
import { setInStack } from "../../local/stack-settings.ts";
import { cloudConfiguration, repository, site } from "../../local/this-testbed.ts";
import { clusterUp } from "./support/what-is-up.ts";

/** A cluster in a network that another stack has made, where applications are. */
interface TeamNetwork {
    readonly networkId: string;
    readonly routeTableId: string;
    readonly applicationsSubnetId: string;
}

const team = (...args: string[]) =>
    mustRun(join(repository, "tools/run"), ["pulumi", "--cwd", join(repository, "examples/network"), ...args]);
const destroy = async () => {
    const { exitCode, output } = await pulumi("destroy", "--yes", "--skip-preview", "--stack", "local");
    expect(exitCode, output.slice(-3000)).toBe(0);
};
let network: TeamNetwork;
let restore: () => void;

// For its stack's file: the cluster itself is in a network of its own.
clusterUp();
beforeAll(async () => {
    await destroy();
    await team("stack", "select", "--create", "network");
    for (const [key, value] of Object.entries(cloudConfiguration))
        await team("config", "set", "--stack", "network", `yandex:${key}`, value);
    await team("up", "--yes", "--skip-preview", "--stack", "network");
    network = JSON.parse(await team("stack", "output", "--json", "--stack", "network")) as TeamNetwork;
    const { networkId, routeTableId } = network;
    restore = setInStack({ networkId, routeTableId, clientCidrs: ["10.30.0.0/24"] });
});
afterAll(async () => {
    await destroy();
    restore();
    await team("destroy", "--yes", "--skip-preview", "--stack", "network");
    await team("stack", "rm", "--yes", "--stack", "network");
});

test("a network without room is refused in the preview, with everything that is wrong", async () => {
    const full = setInStack({ networkCidr: "10.30.0.0/16", routeTableId: "enpabcdefghijklmnopq" });
    const { exitCode, output } = await pulumi("preview", "--stack", "local");
    full();
    expect(exitCode).not.toBe(0);
    expect(output).toContain(
        'networkCidr: "10.30.0.0/16" must not overlap subnets of the network: team-applications (10.30.0.0/24)',
    );
    expect(output).toContain(`routeTableId: "enpabcdefghijklmnopq" must be a route table of ${network.networkId}`);
});

test("an application in the team's subnet reaches the cluster, which made neither network nor gateway", async () => {
    expect(await local()).toContain("every promise was checked");
    expect(Object.keys(await inCloud("networks", /./)())).toEqual(["team"]);
    expect(Object.keys(await inCloud("gateways", /./)())).toEqual(["team-nat"]);
    for (const subnet of Object.values(await inCloud("subnets", /^main-/)()))
        expect(subnet).toContain(network.routeTableId);

    // The cluster's own subnets are not in its way.
    expect(await local()).not.toMatch(/updated|replaced|created/);

    const outputs = await stackOutputs();
    expect(outputs.networkId).toBe(network.networkId);
    expect(Object.keys(outputs.subnetIds)).toEqual(["ru-central1-a", "ru-central1-b", "ru-central1-d"]);
    const application = { subnetId: network.applicationsSubnetId };
    expect(await sql(outputs.connections[0]!.readWrite, "SELECT pg_is_in_recovery()", application)).toBe("f");
    // What the output says an application must be let out to is what answers.
    for (const { port, cidrs } of outputs.applicationRules) {
        const [address] = cidrs[0]!.split("/");
        const program = `require("net").connect(${port}, "${address}").on("connect", () => process.exit(0)).on("error", () => process.exit(1))`;
        const { exitCode } = await captureAsClient(site, [process.execPath, "-e", program], application);
        expect(exitCode, `${address}:${port}`).toBe(0);
    }
    // Another subnet's clients are not the applications.
    await expect(sql(outputs.connections[0]!.readWrite, "SELECT 1")).rejects.toThrow(/timeout|refused/);
});

test("destroy leaves the network to its stack", async () => {
    await destroy();
    expect(Object.keys(await inCloud("networks", /./)())).toEqual(["team"]);
    expect(Object.keys(await inCloud("subnets", /./)())).toEqual(["team-applications"]);
    expect(Object.keys(await inCloud("routeTables", /./)())).toEqual(["team-routes"]);
    expect(Object.keys(await inCloud("securityGroups", /^main/)())).toEqual([]);
});
