/**
 * The floor for `pulumi up`: a script without Pulumi and the cloud's API. It creates the same machines from the same
 * user-data all at once with the machines' driver, sends secrets over SSH in parallel, creates roles and databases, and
 * writes one row.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ensureImage } from "../../testbed/image/index.ts";
import { Machines } from "../../testbed/machines/machines.ts";
import type { Site } from "../../testbed/machines/names.ts";
import { attempt } from "../../testbed/machines/run.ts";
import { tearDown } from "../../testbed/machines/teardown.ts";
import { folder } from "../../local/this-testbed.ts";
import { firstWrite } from "./first-write.ts";
import { type Milestones, milestonesOf } from "./milestones.ts";
import type { Recording, RemoteCommand } from "./recording.ts";

const site: Site = { folder: join(folder, "bench-floor"), prefix: "floor" };
const limitSeconds = 300;

export interface Creation {
    readonly seconds: number;
    readonly milestones: Milestones;
}

/** The testbed must be down and its stack empty, because the addresses are the same. */
export async function createByScript(recording: Recording): Promise<Creation> {
    rmSync(site.folder, { recursive: true, force: true });
    mkdirSync(site.folder, { recursive: true, mode: 0o700 });
    const machines = await Machines.open(site, await ensureImage(() => undefined));
    try {
        const ssh = sshFiles(recording);
        const startedAt = Date.now();
        await machines.applyNetwork(recording.network);
        await Promise.all(recording.machines.map((spec) => makeMachine(machines, spec)));
        // The jump host first, as in the program: its new firewall would drop connections that already pass through it.
        const isJumpHost = ({ machine }: RemoteCommand) => machine.endsWith("-jump");
        await Promise.all(recording.configure.filter(isJumpHost).map((command) => overSsh(ssh, command)));
        const others = recording.configure.filter((command) => !isJumpHost(command));
        const configured = others.map((command) => overSsh(ssh, command));
        await configured[others.findIndex(({ machine }) => machine === recording.objects.machine)];
        await overSsh(ssh, recording.objects);
        await Promise.all(configured);
        const { connections, caCertificate } = recording.outputs;
        const writtenAt = await firstWrite(site, { uri: connections[0]!.readWrite, caCertificate });
        return { seconds: (writtenAt - startedAt) / 1000, milestones: await milestonesOf(site, startedAt) };
    } finally {
        await machines.close();
        await tearDown(site);
        rmSync(site.folder, { recursive: true, force: true });
    }
}

async function makeMachine(machines: Machines, spec: Recording["machines"][number]): Promise<void> {
    const dataDisks = spec.disks.filter(({ boot }) => !boot);
    await Promise.all(dataDisks.map(({ diskId, sizeBytes }) => machines.createDisk(diskId, sizeBytes)));
    await machines.createMachine(spec);
}

/** Writes an SSH configuration with the program's key. @returns its path */
function sshFiles({ outputs, deployKey }: Recording): string {
    const file = (name: string, content: string): string => {
        const path = join(site.folder, name);
        writeFileSync(path, content, { mode: 0o600 });
        return path;
    };
    const key = file("deploy-key", deployKey.trimEnd() + "\n");
    const knownHosts = file("known-hosts", outputs.sshKnownHosts);
    const own = `Host *\n    IdentityFile ${key}\n    IdentitiesOnly yes\n    UserKnownHostsFile ${knownHosts}\n    BatchMode yes\n    ConnectTimeout 2\n    LogLevel ERROR\n`;
    return file("ssh-config", `${outputs.sshConfig}\n${own}`);
}

/** Runs a command over SSH, and repeats it until the machine answers. The exit status 255 is ssh's own failure. */
async function overSsh(config: string, { machine, command, input }: RemoteCommand): Promise<void> {
    const deadline = Date.now() + limitSeconds * 1000;
    for (;;) {
        const result = await attempt("ssh", ["-F", config, machine, command], { input, timeoutSeconds: limitSeconds });
        if (result.exitCode === 0) return;
        if (result.exitCode !== 255 || Date.now() > deadline) throw new Error(`${machine}: ${result.stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}
