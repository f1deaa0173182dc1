import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { CHANGE_SECONDS } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { keepManifest } from "./manifest.ts";
import { connection, type SshTarget } from "./ssh.ts";

export interface RemoteCommandArgs {
    /** The machine the command belongs to: it goes with it, and runs again on a new one. */
    readonly machine: Machine;
    /** Where it runs. @default on that machine */
    readonly target?: SshTarget;
    /** The way there. @default none: the machine has a public address */
    readonly jumpHost?: SshTarget;
    /** Idempotent, with a deadline of its own; runs again when anything here changes. */
    readonly create: pulumi.Input<string>;
    /** What the command belongs to, see revision.ts: it runs again with each new one. @default nothing */
    readonly revisions?: readonly pulumi.Input<string>[];
    /** Secrets travel here and nowhere else. @default nothing */
    readonly stdin?: pulumi.Input<string>;
    /** Run again when one of these changes. @default only when the machine is a new one */
    readonly triggers?: readonly pulumi.Input<string>[];
    /** The command's own deadline; Pulumi's is a little longer, for the way there. */
    readonly deadlineSeconds: number;
}

/**
 * A command on a machine. It has no `delete` script, so that neither destroy nor a replacement ever
 * needs a machine that may be dead.
 */
export function remoteCommand(
    name: string,
    args: RemoteCommandArgs,
    opts: pulumi.CustomResourceOptions,
): command.remote.Command {
    const timeout = `${args.deadlineSeconds + CONNECT_SECONDS}s`;
    return new command.remote.Command(
        name,
        {
            connection: connection(args.target ?? args.machine.ssh, args.jumpHost),
            create: withRevisions(args),
            ...(args.stdin === undefined ? {} : { stdin: args.stdin }),
            triggers: [args.machine.instance.id, ...(args.triggers ?? [])],
            addPreviousOutputInEnv: false,
            logging: "stderr",
        },
        {
            ...opts,
            deletedWith: args.machine.instance,
            customTimeouts: { create: timeout, update: timeout },
        },
    );
}

/** The command with its revisions behind it, as a comment: with a new one Pulumi updates the Command, which runs it again. */
function withRevisions({ create, revisions = [] }: RemoteCommandArgs): pulumi.Input<string> {
    return revisions.length === 0
        ? create
        : pulumi.all([create, ...revisions]).apply(([line, ...ids]) => `${line} # ${ids.join(" ")}`);
}

/** The dials of ssh.ts last no longer than seven minutes; a command kills itself up to half a minute after its deadline. */
const CONNECT_SECONDS = 480;

/**
 * Sends a machine its configuration, secrets included, and waits until cloud-init is done and the
 * units run. The same command makes every later change of the configuration.
 */
export function configureMachine(
    machine: Machine,
    jumpHost: SshTarget | undefined,
    opts: pulumi.CustomResourceOptions,
): command.remote.Command {
    const configured = remoteCommand(
        `${machine.node.hostname}-configured`,
        {
            machine,
            jumpHost,
            create: pulumi.unsecret(machine.configureCommand),
            revisions: [machine.revision],
            stdin: machine.bundle,
            deadlineSeconds: CHANGE_SECONDS + machine.readyTimeoutSeconds,
        },
        opts,
    );
    keepManifest(machine, configured);
    return configured;
}
