import { ports } from "../cluster/names.ts";
import { cloudNamespace, machineNamespace, type Site } from "../testbed/machines/names.ts";
import { attemptInNamespace, namespaceExists } from "../testbed/machines/namespaces.ts";

/**
 * Asks Patroni on a machine for its role, inside the machine's own network. For display only: it does not verify
 * the server's certificate.
 * @returns for example "leader, running"; undefined if Patroni does not answer within a second
 */
export async function askRole(site: Site, id: string, address: string): Promise<string | undefined> {
    const namespace = machineNamespace(site, id);
    if (!namespaceExists(namespace) || !namespaceExists(cloudNamespace(site))) return undefined;
    const url = `https://${address}:${ports.patroni}/patroni`;
    const answer = await attemptInNamespace(namespace, "curl", ["-sk", "--max-time", "1", url]);
    return describe(answer.stdout);
}

function describe(text: string): string | undefined {
    try {
        const { role, state } = JSON.parse(text) as { role?: string; state?: string };
        return role && [role === "primary" ? "leader" : role, state].filter(Boolean).join(", ");
    } catch {
        return undefined;
    }
}
