import { local, mustRun, testbed } from "../../local/commands.ts";
import { site } from "../../local/this-testbed.ts";
import { addResult, writeResults } from "../results.ts";
import { firstWrite } from "./first-write.ts";
import { type Creation, createByScript } from "./floor.ts";
import { milestonesOf } from "./milestones.ts";
import { decidedConnection, record, type Recording } from "./recording.ts";

export interface CreationResult extends Creation {
    readonly way: "pulumi" | "script";
}

export const creationResults = "create";

/** Measures `pulumi up` from an empty stack to the first write, and a script that does the same, by turns. */
export async function benchCreation(runs: number): Promise<void> {
    await local();
    const recording = await record();
    writeResults<CreationResult>(creationResults, []);
    for (let run = 1; run <= runs; run++) {
        await local("down");
        report({ way: "script", ...(await createByScript(recording)) }, run);
        await testbed("up");
        report({ way: "pulumi", ...(await createByPulumi(recording)) }, run);
    }
}

async function createByPulumi(recording: Recording): Promise<Creation> {
    await mustRun("pulumi", ["stack", "select", "--create", "local"]);
    // Loads Pulumi's programs into memory, where the script's already are. The kernel of a virtual machine may have freed
    // their pages since their last run a minute ago: without this, "machines run" was 2 to 9 s later.
    await mustRun("pulumi", ["preview", "--stack", "local"]);
    const startedAt = Date.now();
    const up = mustRun("pulumi", ["up", "--yes", "--skip-preview", "--stack", "local"]).then(() => Date.now());
    const written = decidedConnection(recording).then((connection) => firstWrite(site, connection));
    const [endedAt, writtenAt] = await Promise.all([up, written]);
    return {
        seconds: (writtenAt - startedAt) / 1000,
        milestones: {
            ...(await milestonesOf(site, startedAt)),
            "every promise checked: up has ended": (endedAt - startedAt) / 1000,
        },
    };
}

function report(result: CreationResult, run: number): void {
    addResult(creationResults, result);
    console.log(`create by ${result.way} #${run}: ${result.seconds.toFixed(1)} s`);
    for (const [name, seconds] of Object.entries(result.milestones))
        console.log(`    ${seconds.toFixed(1).padStart(6)} s  ${name}`);
}
