import { unimplemented } from "../api/errors.ts";
import type { Table } from "./table.ts";

/**
 * The answer to a List: everything in a folder, on one page.
 * @param filter none, or one name, as Yandex's Go SDK looks a resource up
 */
export function listed<Row extends { id: string; folderId: string; name: string }>(
    table: Table<Row>,
    { folderId, filter }: { folderId: string; filter: string },
): Row[] {
    const [, name] = /^name ?= ?"([^"]*)"$/.exec(filter) ?? [];
    if (filter !== "" && name === undefined) throw unimplemented(`filter ${filter}`);
    return table.where((row) => row.folderId === folderId && (name === undefined || row.name === name));
}
