import { invalidArgument } from "./errors.ts";

/**
 * The fields that an update changes. The API's rule: a mask names fields in snake case; without a mask every field is
 * updated, and fields that were not sent get their defaults.
 * @param allowed every path this update understands
 * @throws INVALID_ARGUMENT for a path that is not among them
 */
export function updatedFields<Path extends string>(
    mask: { paths: string[] } | undefined,
    allowed: readonly Path[],
): ReadonlySet<Path> {
    const paths = mask?.paths ?? [];
    const unknown = paths.filter((path) => !(allowed as readonly string[]).includes(path));
    if (unknown.length > 0) {
        throw invalidArgument(`update_mask: unknown field ${unknown.join(", ")}; allowed: ${allowed.join(", ")}`);
    }
    return new Set(paths.length > 0 ? (paths as Path[]) : allowed);
}
