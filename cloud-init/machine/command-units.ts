/** Commands of the project's own as units of systemd. */
import type { MachineFile } from "./configuration.ts";
import { refresh } from "./scripts.ts";
import { unit } from "./user-data.ts";

interface CommandUnit {
    /** Of the units, without a suffix. */
    readonly name: string;
    readonly command: string;
    readonly description: string;
    /** Units that are started before. @default none */
    readonly after?: string;
}

export interface TimedCommand extends CommandUnit {
    /** Between two runs, and before the first. */
    readonly everySeconds: number;
    /** A run that lasts longer is ended. */
    readonly timeoutSeconds: number;
}

/** A command that runs again and again: its timer is the unit to start. Of what it logs, the journal keeps notices and worse. */
export function timedCommand(args: TimedCommand): MachineFile[] {
    const { name, command, description, after, everySeconds, timeoutSeconds } = args;
    return [
        unitFile(`${name}.service`, {
            Unit: { Description: description, After: after },
            Service: {
                Type: "oneshot",
                ExecStart: command,
                TimeoutStartSec: timeoutSeconds.toString(),
                LogLevelMax: "notice",
            },
        }),
        unitFile(`${name}.timer`, {
            Unit: { Description: description },
            Timer: { OnActiveSec: `${everySeconds}s`, OnUnitActiveSec: `${everySeconds}s`, AccuracySec: "1s" },
        }),
    ];
}

export interface WatchingCommand extends CommandUnit {
    /** Run again whenever this file was written. */
    readonly path: string;
}

/** A command that runs whenever a file was written: its path unit is the one to start. */
export function watchingCommand({ name, command, description, after, path }: WatchingCommand): MachineFile[] {
    return [
        unitFile(`${name}.service`, {
            Unit: { Description: description, After: after },
            Service: { Type: "oneshot", ExecStart: command },
        }),
        unitFile(`${name}.path`, {
            Unit: { Description: description },
            Path: { PathChanged: path },
            Install: { WantedBy: "multi-user.target" },
        }),
    ];
}

export interface GuardCommand extends CommandUnit {
    /** Units that are started with it, for which its own start does not wait. @default none */
    readonly wants?: string;
    /** Run when the service has ended, however it ended. @default nothing */
    readonly cleanUp?: string;
}

/** A command that runs as long as the machine does, and is started anew when its unit changes. */
export function guardCommand(args: GuardCommand): MachineFile[] {
    const { name, command, description, after, wants, cleanUp } = args;
    const service = `${name}.service`;
    const sections = {
        Unit: { Description: description, After: after, Wants: wants },
        Service: { ExecStart: command, ExecStopPost: cleanUp, Restart: "always", RestartSec: "1" },
    };
    return [{ ...unitFile(service, sections), onChange: ["systemctl daemon-reload", refresh("restart", service)] }];
}

/** A command that runs once at each boot, beside everything else, again and again until it succeeds: its service is the unit to start. */
export function bootCommand({ name, command, description, after }: CommandUnit): MachineFile[] {
    return [
        unitFile(`${name}.service`, {
            Unit: { Description: description, After: after },
            Service: { ExecStart: command, RemainAfterExit: "yes", Restart: "on-failure", RestartSec: "5" },
            Install: { WantedBy: "multi-user.target" },
        }),
    ];
}

function unitFile(name: string, sections: Parameters<typeof unit>[0]): MachineFile {
    return { path: `/etc/systemd/system/${name}`, content: unit(sections), onChange: ["systemctl daemon-reload"] };
}
