/** Every script and every line of shell that machines get, read by its own interpreter and by shellcheck. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { configurations, renderCluster } from "../support/rendered-cluster.ts";
import { scriptNames, scriptSources } from "../support/scripts.ts";

const shellcheck = (script: string) =>
    spawnSync("shellcheck", ["--shell=bash", "--severity=style", "-"], { input: script, encoding: "utf8" });

describe("shell scripts", () => {
    const scripts = scriptNames.filter((name) => name.endsWith(".sh"));

    it.each(scripts)("%s has no finding of shellcheck's", (name) => {
        const { status, stdout } = spawnSync("shellcheck", ["--severity=style", join(scriptSources, name)], {
            encoding: "utf8",
        });
        expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    });

    it.each(scripts)("%s stops at the first failure", (name) => {
        const text = execFileSync("head", ["-n", "30", join(scriptSources, name)], { encoding: "utf8" });
        expect(text).toMatch(/^#!\/usr\/bin\/env bash\n/);
        expect(text).toMatch(/^set -euo pipefail$/m);
    });
});

describe("Python scripts", () => {
    // AlmaLinux 9's /usr/bin/python3 is 3.9.
    it.each(scriptNames.filter((name) => name.endsWith(".py")))("%s is Python 3.9", (name) => {
        const check =
            "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read(), sys.argv[1], feature_version=(3, 9))";
        execFileSync("/usr/bin/python3", ["-c", check, join(scriptSources, name)], { stdio: "pipe" });
        expect(execFileSync("head", ["-n", "1", join(scriptSources, name)], { encoding: "utf8" })).toBe(
            "#!/usr/bin/python3\n",
        );
    });
});

describe("commands inside the configuration", () => {
    const machines = Object.values(configurations).flatMap((configuration) => renderCluster(configuration).machines);
    const commands = new Set(
        machines.flatMap(({ configuration }) => [
            ...configuration.selinux,
            ...configuration.files.flatMap(({ onChange }) => onChange ?? []),
        ]),
    );

    it.each([...commands])("%s is clean shell", (command) => {
        const { status, stdout } = shellcheck(`#!/usr/bin/env bash\n${command}\n`);
        expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    });

    it("are never empty", () => {
        expect(commands.size).toBeGreaterThan(5);
        expect(shellcheck("echo $unquoted").status).not.toBe(0);
    });
});
