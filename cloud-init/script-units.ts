/** The project's own scripts as units of systemd. */
import type { MachineFile } from "./machine-configuration";
import { refresh, script, scriptDirectory } from "./scripts";
import { unit } from "./user-data";

export interface TimedScript {
    /** Of the units; `files/<name>.sh` is the script. The timer, `<name>.timer`, is the unit to start. */
    readonly name: string;
    readonly description: string;
    /** The service it has to do with, which is started before. */
    readonly after: string;
    /** Between two runs, and before the first. */
    readonly everySeconds: number;
    /** A run that lasts longer is ended. @default systemd's: none */
    readonly timeoutSeconds?: number;
}

/** A script that runs again and again; of what it logs, the journal keeps notices and worse. */
export function timedScript({ name, description, after, everySeconds, timeoutSeconds }: TimedScript): MachineFile[] {
    const timeout: Record<string, string> = timeoutSeconds === undefined ? {} : { TimeoutStartSec: String(timeoutSeconds) };
    const systemdUnit = (type: "service" | "timer", sections: Parameters<typeof unit>[0]): MachineFile => ({
        path: `/etc/systemd/system/${name}.${type}`,
        content: unit(sections),
        onChange: ["systemctl daemon-reload"],
    });
    return [
        script(`${name}.sh`),
        systemdUnit("service", {
            Unit: { Description: description, After: after },
            Service: { Type: "oneshot", ExecStart: `${scriptDirectory}/${name}`, ...timeout, LogLevelMax: "notice" },
        }),
        systemdUnit("timer", {
            Unit: { Description: description },
            Timer: { OnActiveSec: `${everySeconds}s`, OnUnitActiveSec: `${everySeconds}s`, AccuracySec: "1s" },
        }),
    ];
}

export interface GuardScript {
    /** Of the unit. */
    readonly name: string;
    /** In `files/`. @default `<name>.sh` */
    readonly file?: string;
    readonly description: string;
    /** Units that are started before. */
    readonly after: string;
    readonly arguments?: readonly string[];
    /** Run when the service has ended, however it ended. */
    readonly cleanUp?: string;
}

/** A script that runs as long as the machine does, and is started anew when it or its arguments change. */
export function guardScript({ name, file = `${name}.sh`, description, after, arguments: words = [], cleanUp }: GuardScript): MachineFile[] {
    const restart = ["systemctl daemon-reload", refresh("restart", `${name}.service`)];
    return [
        { ...script(file), onChange: restart },
        {
            path: `/etc/systemd/system/${name}.service`,
            content: unit({
                Unit: { Description: description, After: after },
                Service: {
                    ExecStart: [`${scriptDirectory}/${name}`, ...words].join(" "),
                    ...(cleanUp === undefined ? {} : { ExecStopPost: cleanUp }),
                    Restart: "always",
                    RestartSec: "1",
                },
            }),
            onChange: restart,
        },
    ];
}
