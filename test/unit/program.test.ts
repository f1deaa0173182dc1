/** The program on the machines and its description of the machine, which two languages declare. */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { descriptionPath } from "../../cloud-init/machine/description.ts";
import { programPath } from "../../cloud-init/machine/program.ts";
import { configurations, fileOf, machineOf, renderCluster } from "../support/rendered-cluster.ts";

const sources = join(import.meta.dirname, "../../cloud-init/program");

/** What the program makes of a description: its fields, as Python prints them. */
function read(description: string) {
    const script =
        "import json, sys; from postgres_ha.machine import Machine, parse; print(parse(Machine, json.load(sys.stdin)))";
    return spawnSync("/usr/bin/python3", ["-B", "-c", script], { cwd: sources, input: description, encoding: "utf8" });
}

describe("the description of a machine", () => {
    it.each(Object.entries(configurations))("of %s is read by the program", (_, configuration) => {
        const cluster = renderCluster(configuration);
        for (const { role, node, configuration: machine } of cluster.machines) {
            const file = machine.files.find(({ path }) => path === descriptionPath);
            expect(file !== undefined).toBe(role === "database");
            if (!file) continue;
            const { status, stdout, stderr } = read(file.content);
            expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
            expect(stdout).toContain(`name='${node.hostname}', members=(Peer(`);
        }
    });

    it("is refused with a key more, or one less", () => {
        const { content } = fileOf(machineOf(renderCluster(), "database"), descriptionPath);
        const whole = JSON.parse(content) as Record<string, unknown>;
        expect(read(JSON.stringify({ ...whole, more: 1 })).stderr).toContain("Mistake: machine: unknown keys: more");
        const { watchdog: _, ...less } = whole;
        expect(read(JSON.stringify(less)).stderr).toContain("Mistake: machine: missing keys: watchdog");
    });
});

describe("the program", () => {
    const modules = globSync(["postgres-ha", "postgres_ha/*.py"], { cwd: sources });
    const texts = modules.map((name) => [name, readFileSync(join(sources, name), "utf8")] as const);

    it.each(modules)("%s is Python 3.9, AlmaLinux 9's", (name) => {
        const check =
            "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read(), sys.argv[1], feature_version=(3, 9))";
        execFileSync("/usr/bin/python3", ["-c", check, join(sources, name)], { stdio: "pipe" });
    });

    it("is what a database node has, and no other machine", () => {
        for (const { role, configuration } of renderCluster().machines) {
            const paths = configuration.files.map(({ path }) => path);
            expect(paths.includes(programPath)).toBe(role === "database");
            if (role === "database")
                expect(paths.filter((path) => path.endsWith(".py"))).toHaveLength(modules.length - 1);
        }
    });

    it.each([
        ["port", /\b(22|2379|2380|5432|6432|8008|5000|5001|7000)\b/],
        ["role of PostgreSQL's", /["'=](health_check|rewinder|replicator|pgbouncer_lookup)\b/],
        ["path of a service", /"\/(etc|var|usr|run)\/(?!postgres-ha\/machine\.json|local\/lib\/postgres-ha)/],
        ["private address", /\b10\.\d+\.\d+\.\d+/],
    ])("has no %s as a literal: the description has it", (_, pattern) => {
        const found = texts.flatMap(([name, text]) =>
            text
                .replaceAll(/"""[\s\S]*?"""/g, "")
                .split("\n")
                .filter((line) => pattern.test(line.replace(/#.*/, "")))
                .map((line) => `${name}: ${line.trim()}`),
        );
        expect(found).toEqual([]);
    });

    it("names its commands, and refuses another", () => {
        const { status, stderr } = spawnSync("/usr/bin/python3", ["-B", "-m", "postgres_ha", "no-such"], {
            cwd: sources,
            encoding: "utf8",
        });
        expect(status).toBe(1);
        expect(stderr).toMatch(/^usage: postgres-ha COMMAND [\s\S]*check-cluster, .*end-of-wal/);
    });
});
