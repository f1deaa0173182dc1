import { writeFileSync } from "node:fs";

import { caFile, local, mustRun, site, sql, stackOutputs, stand } from "../../test/stand/support/stand";
import { addResult, writeResults } from "../results";
import { type Creation, createByScript, firstRow } from "./floor";
import { milestonesOf } from "./milestones";
import { record } from "./recording";

export interface CreationResult extends Creation {
    readonly way: "pulumi" | "script";
}

export const creationResults = "create";

/** `pulumi up` from an empty stack to the first write, and the same by a script, in turns. */
export async function benchCreation(runs: number): Promise<void> {
    await local();
    const recording = await record();
    writeResults<CreationResult>(creationResults, []);
    for (let run = 1; run <= runs; run++) {
        await local("down");
        report({ way: "script", ...(await createByScript(recording)) }, run);
        await stand("up");
        report({ way: "pulumi", ...(await createByPulumi()) }, run);
    }
}

async function createByPulumi(): Promise<Creation> {
    await mustRun("pulumi", ["stack", "select", "--create", "local"]);
    const startedAt = Date.now();
    await mustRun("pulumi", ["up", "--yes", "--skip-preview", "--stack", "local"]);
    const upSeconds = (Date.now() - startedAt) / 1000;
    const outputs = await stackOutputs();
    // The new cluster has a new certificate authority.
    writeFileSync(caFile, outputs.caCertificate);
    const writeAt = Date.now();
    await sql(outputs.connections[0]!.readWrite, firstRow);
    // Reading the outputs is not part of it: an application has them from a StackReference.
    const seconds = upSeconds + (Date.now() - writeAt) / 1000;
    return { seconds, milestones: { ...(await milestonesOf(site, startedAt)), "every promise checked: up has ended": upSeconds } };
}

function report(result: CreationResult, run: number): void {
    addResult(creationResults, result);
    console.log(`create by ${result.way} #${run}: ${result.seconds.toFixed(1)} s`);
    for (const [name, seconds] of Object.entries(result.milestones)) console.log(`    ${seconds.toFixed(1).padStart(6)} s  ${name}`);
}
