import { cloudNamespace, machineNamespace, type Site } from "./names.ts";
import { attemptInNamespace, namespaceExists } from "./namespaces.ts";

/**
 * What a machine does in the cluster, asked from Patroni's REST API in the machine's own network;
 * undefined where nobody answers. Certificates are not checked: it is for display only.
 */
export async function askRole(site: Site, id: string, address: string): Promise<string | undefined> {
    const namespace = machineNamespace(site, id);
    if (!namespaceExists(namespace) || !namespaceExists(cloudNamespace(site))) return undefined;
    for (const scheme of ["https", "http"]) {
        const answer = await attemptInNamespace(namespace, "curl", [
            "-sk",
            "--max-time",
            "1",
            `${scheme}://${address}:8008/patroni`,
        ]);
        const role = describe(answer.stdout);
        if (role) return role;
    }
    return undefined;
}

function describe(text: string): string | undefined {
    try {
        const { role, state } = JSON.parse(text) as { role?: string; state?: string };
        return role && [role === "master" || role === "primary" ? "leader" : role, state].filter(Boolean).join(", ");
    } catch {
        return undefined;
    }
}
