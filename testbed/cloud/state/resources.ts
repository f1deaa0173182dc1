import { alreadyExists } from "../api/errors.ts";
import { newId, type idPrefixes } from "./ids.ts";
import type { Table } from "./table.ts";

/** What every resource of a folder has. */
interface FolderResource {
    id: string;
    folderId: string;
    name: string;
    description: string;
    labels: Record<string, string>;
}

type Description = Pick<FolderResource, "name" | "description" | "labels">;

/** The update-mask paths that every resource understands. */
export const descriptionFields = ["name", "description", "labels"] as const;

/** The common part of a new resource, from the request that creates it. */
export function newResource(kind: keyof typeof idPrefixes, request: Description & { folderId: string }) {
    return {
        id: newId(kind),
        folderId: request.folderId,
        createdAt: now(),
        name: request.name,
        description: request.description,
        labels: request.labels,
    };
}

/** The present time in whole seconds, as the API gives times. */
export function now(): Date {
    return new Date(Math.floor(Date.now() / 1000) * 1000);
}

/** Of name, description and labels, those that the update is about. */
export function describedBy(request: Description, fields: ReadonlySet<string>): Partial<Description> {
    return {
        ...(fields.has("name") && { name: request.name }),
        ...(fields.has("description") && { description: request.description }),
        ...(fields.has("labels") && { labels: request.labels }),
    };
}

/**
 * A name belongs to one resource of its kind in a folder; any number may have none.
 * @throws ALREADY_EXISTS
 */
export function requireFreeName<Row extends FolderResource>(
    table: Table<Row>,
    wanted: { id?: string; folderId: string; name: string },
): void {
    if (wanted.name === "") return;
    const taken = table.where(
        (row) => row.folderId === wanted.folderId && row.name === wanted.name && row.id !== wanted.id,
    );
    if (taken.length > 0) throw alreadyExists(`${table.kind} with name "${wanted.name}" already exists`);
}
