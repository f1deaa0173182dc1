import { createHash, randomBytes } from "node:crypto";

/** The first three letters of an identifier, as Yandex gives them. */
export const idPrefixes = {
    network: "enp",
    subnet: "e9b",
    gateway: "enp",
    routeTable: "enp",
    securityGroup: "enp",
    securityGroupRule: "enp",
    address: "e9b",
    disk: "fhm",
    instance: "fhm",
    placementGroup: "fv4",
    targetGroup: "enp",
    networkLoadBalancer: "enp",
    operation: "fhm",
} as const;

const alphabet = "0123456789abcdefghijklmnopqrstuv";

/** A new identifier: 20 letters and digits, the first three say what it is. */
export function newId(kind: keyof typeof idPrefixes): string {
    return idPrefixes[kind] + Array.from(randomBytes(17), (byte) => alphabet[byte % alphabet.length]).join("");
}

/** The hardware address of an instance's interface; the same for the whole life of the instance. */
export function macAddress(instanceId: string, index: number): string {
    const digest = createHash("sha256").update(`${instanceId}/${index}`).digest("hex");
    return ["d0", "0d", ...(digest.slice(0, 8).match(/../g) ?? [])].join(":");
}
