import { invalidArgument } from "./api/errors.ts";

/** The availability zones of the region ru-central1 that take new resources. */
export const zones: readonly string[] = ["ru-central1-a", "ru-central1-b", "ru-central1-d"];

/** @throws INVALID_ARGUMENT */
export function requireZone(zoneId: string): void {
    if (!zones.includes(zoneId)) {
        throw invalidArgument(`Zone ${zoneId} not found; available: ${zones.join(", ")}`);
    }
}
