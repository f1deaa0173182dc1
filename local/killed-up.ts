/** An `up` that is killed half-way together with its plug-ins, as when its computer loses power. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

import { repository } from "./this-testbed.ts";

const deadlineSeconds = 180;

/**
 * @param pattern a part of the output; the kill is after it
 * @param moment resolves when it is time to kill
 * @throws Error with the output if `up` ends, or 180 s pass, before the output has the pattern
 */
export async function killedUp(pattern: string, moment: () => Promise<void> = async () => undefined): Promise<void> {
    const up = spawn("tools/run", ["pulumi", "up", "--yes", "--skip-preview", "--stack", "local"], {
        cwd: repository,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
    });
    let output = "";
    for (const stream of [up.stdout, up.stderr]) stream.on("data", (data: Buffer) => (output += data.toString()));
    const ended = new Promise<void>((resolve) => up.on("close", () => resolve()));
    const deadline = Date.now() + deadlineSeconds * 1000;
    while (!output.includes(pattern)) {
        if (up.exitCode !== null || Date.now() > deadline)
            throw new Error(`"${pattern}" was not seen:\n${output.slice(-3000)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await moment();
    if (up.exitCode !== null) throw new Error(`up ended before it could be killed:\n${output.slice(-3000)}`);
    for (const pid of [up.pid!, ...descendants(up.pid!)]) process.kill(pid, "SIGKILL");
    await ended;
}

/** All descendants of a process, in whatever process group they are. */
function descendants(pid: number): number[] {
    const children = new Map<number, number[]>();
    for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
        try {
            const parent = Number(
                readFileSync(`/proc/${name}/stat`, "utf8")
                    .replace(/^.*\) /, "")
                    .split(" ")[1],
            );
            children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
        } catch {
            // The process has just ended.
        }
    }
    const below = (parent: number): number[] =>
        (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
    return below(pid);
}
