/** The project's own scripts as units of systemd. */
import type { MachineFile } from "./configuration.ts";
import { installedName, refresh, script, scriptDirectory } from "./scripts.ts";
import { unit } from "./user-data.ts";

interface ScriptUnit {
    /** The script's name in `files/`; the units are named after it, without the suffix. */
    readonly file: string;
    readonly description: string;
    /** Units that are started before. @default none */
    readonly after?: string;
}

export interface TimedScript extends ScriptUnit {
    /** Between two runs, and before the first. */
    readonly everySeconds: number;
    /** A run that lasts longer is ended. @default systemd's: none */
    readonly timeoutSeconds?: number;
}

/** A script that runs again and again: its timer is the unit to start. Of what it logs, the journal keeps notices and worse. */
export function timedScript({ file, description, after, everySeconds, timeoutSeconds }: TimedScript): MachineFile[] {
    const name = installedName(file);
    const TimeoutStartSec = timeoutSeconds?.toString();
    return [
        script(file),
        unitFile(`${name}.service`, {
            Unit: { Description: description, After: after },
            Service: {
                Type: "oneshot",
                ExecStart: `${scriptDirectory}/${name}`,
                TimeoutStartSec,
                LogLevelMax: "notice",
            },
        }),
        unitFile(`${name}.timer`, {
            Unit: { Description: description },
            Timer: { OnActiveSec: `${everySeconds}s`, OnUnitActiveSec: `${everySeconds}s`, AccuracySec: "1s" },
        }),
    ];
}

export interface WatchingScript extends ScriptUnit {
    /** Run again whenever this file was written. */
    readonly path: string;
    /** @default none */
    readonly arguments?: readonly string[];
}

/** A script that runs whenever a file was written, and when it is new on a running machine: its path unit is the one to start. */
export function watchingScript({
    file,
    description,
    after,
    path,
    arguments: words = [],
}: WatchingScript): MachineFile[] {
    const name = installedName(file);
    const command = [`${scriptDirectory}/${name}`, ...words].join(" ");
    return [
        { ...script(file), onChange: [command] },
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

export interface GuardScript extends ScriptUnit {
    /** Units that are started with it, for which its own start does not wait. @default none */
    readonly wants?: string;
    /** @default none */
    readonly arguments?: readonly string[];
    /** Run when the service has ended, however it ended. @default nothing */
    readonly cleanUp?: string;
}

/** A script that runs as long as the machine does, and is started anew when it or its arguments change. */
export function guardScript({
    file,
    description,
    after,
    wants,
    arguments: words = [],
    cleanUp,
}: GuardScript): MachineFile[] {
    const name = installedName(file);
    const service = `${name}.service`;
    const sections = {
        Unit: { Description: description, After: after, Wants: wants },
        Service: {
            ExecStart: [`${scriptDirectory}/${name}`, ...words].join(" "),
            ExecStopPost: cleanUp,
            Restart: "always",
            RestartSec: "1",
        },
    };
    return [script(file), unitFile(service, sections)].map((changed) => ({
        ...changed,
        onChange: ["systemctl daemon-reload", refresh("restart", service)],
    }));
}

function unitFile(name: string, sections: Parameters<typeof unit>[0]): MachineFile {
    return { path: `/etc/systemd/system/${name}`, content: unit(sections), onChange: ["systemctl daemon-reload"] };
}
