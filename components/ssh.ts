import type * as pulumi from "@pulumi/pulumi";
import type { remote } from "@pulumi/command/types/input.js";

export interface SshTarget {
    readonly host: pulumi.Input<string>;
    readonly user: string;
    /** OpenSSH private key; secret. */
    readonly privateKey: pulumi.Input<string>;
    /** The machine's host key in OpenSSH's public format. */
    readonly hostKey: pulumi.Input<string>;
}

/**
 * How often a hop is dialled. The command plug-in's pause between dials starts at 0.1 s and grows by half up
 * to 5 s; a machine that refuses answers at once, one that is not there costs a dial's whole time-out. Never
 * unlimited: a wrong key would be tried for ever.
 *
 * The jump host may still be booting: about 2 minutes of refusals, 7 of silence. What lies behind it has been
 * seen to answer (JumpHost.open), so a silent machine there is a dead one: given up after about a minute.
 */
const DIALS = { booting: 30, running: 5 } as const;
const PER_DIAL_TIMEOUT_SECONDS = 10;

/** A connection that verifies the host key on each hop. */
export function connection(target: SshTarget, jumpHost?: SshTarget): remote.ConnectionArgs {
    return jumpHost === undefined
        ? hop(target, DIALS.booting)
        : { ...hop(target, DIALS.running), proxy: hop(jumpHost, DIALS.running) };
}

function hop(target: SshTarget, dialErrorLimit: number) {
    return {
        host: target.host,
        user: target.user,
        privateKey: target.privateKey,
        hostKey: target.hostKey,
        dialErrorLimit,
        perDialTimeout: PER_DIAL_TIMEOUT_SECONDS,
    };
}
