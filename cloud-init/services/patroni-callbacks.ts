import { callbackActions, type CallbackAction } from "../../cluster/names.ts";
import type { MachineFile, ServicePart } from "../machine/configuration.ts";
import { postgresUser } from "./postgresql.ts";
import { programCommand } from "../machine/program.ts";

/** The text of a script for each action that needs one. */
export type PatroniCallbacks = { readonly [Action in CallbackAction]?: string | undefined };

export const callbackDirectory = "/etc/postgres-ha/callbacks";

/**
 * The scripts of Patroni's callbacks. They are looked up at each callback, so a changed one needs no reload. They may
 * hold a token of somebody's API: only Patroni's account reads them, and they stay out of the user-data.
 */
export function patroniCallbacks(callbacks: PatroniCallbacks): ServicePart {
    return {
        files: [...callbackActions.flatMap((action) => scriptFor(action, callbacks[action]))],
    };
}

/** Patroni's `postgresql.callbacks`: every action leaves a line in the journal, whether a script is configured or not. */
export function callbackCommands(): Record<CallbackAction, string> {
    const command = `/usr/bin/systemd-cat --identifier=patroni-callback ${programCommand("patroni-callback")}`;
    return Object.fromEntries(callbackActions.map((action) => [action, command])) as Record<CallbackAction, string>;
}

function scriptFor(action: CallbackAction, text: string | undefined): MachineFile[] {
    if (text === undefined) return [];
    return [
        {
            path: `${callbackDirectory}/${action}`,
            content: executable(text),
            owner: `root:${postgresUser.name}`,
            mode: "0750",
            secret: true,
        },
    ];
}

/** The text as a file that the kernel can run: bash, unless its first line says otherwise. */
function executable(text: string): string {
    const withInterpreter = text.startsWith("#!") ? text : `#!/bin/bash\n${text}`;
    return withInterpreter.endsWith("\n") ? withInterpreter : `${withInterpreter}\n`;
}
