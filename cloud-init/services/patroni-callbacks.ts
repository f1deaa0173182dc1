import type { ServicePart } from "../machine/configuration.ts";
import { postgresUser } from "./postgresql.ts";
import { programCommand } from "../machine/program.ts";

/** What Patroni calls back for (its manual, "YAML Configuration Settings", `callbacks`). */
export const callbackActions = ["on_start", "on_stop", "on_restart", "on_role_change", "on_reload"] as const;
export type CallbackAction = (typeof callbackActions)[number];

/** The text of a script for each action that needs one. */
export type PatroniCallbacks = { readonly [Action in CallbackAction]?: string | undefined };

export const callbackDirectory = "/etc/postgres-ha/callbacks";

/**
 * The scripts of Patroni's callbacks. They are looked up at each callback, so a changed one needs no reload. They may
 * hold a token of somebody's API: only Patroni's account reads them, and they stay out of the user-data.
 */
export function patroniCallbacks(callbacks: PatroniCallbacks): ServicePart {
    return {
        files: [
            ...callbackActions.map((action) => ({
                path: `${callbackDirectory}/${action}`,
                content: executable(callbacks[action] ?? NOTHING),
                owner: `root:${postgresUser.name}`,
                mode: "0750",
                secret: true,
            })),
        ],
    };
}

/** Patroni's `postgresql.callbacks`: every action leaves a line in the journal, whether a script is configured or not. */
export function callbackCommands(): Record<CallbackAction, string> {
    const command = `/usr/bin/systemd-cat --identifier=patroni-callback ${programCommand("patroni-callback")}`;
    return Object.fromEntries(callbackActions.map((action) => [action, command])) as Record<CallbackAction, string>;
}

/** A file must not be missing: one that was configured once and is not any more has to be replaced. */
const NOTHING = "#!/bin/sh\n# No script is configured for this action: see the setting patroniCallbacks.\n";

/** The text as a file that the kernel can run: bash, unless its first line says otherwise. */
function executable(text: string): string {
    const withInterpreter = text.startsWith("#!") ? text : `#!/bin/bash\n${text}`;
    return withInterpreter.endsWith("\n") ? withInterpreter : `${withInterpreter}\n`;
}
