import { notFound } from "../api/errors.ts";
import type { Codec } from "../api/messages.ts";

/** The resources of one kind. Rows are never changed in place, only replaced. */
export class Table<Row extends { id: string }> {
    private rows = new Map<string, Row>();

    /** Name of one resource in messages: "Network". */
    readonly kind: string;
    private readonly codec: Codec<Row>;

    constructor(kind: string, codec: Codec<Row>) {
        this.kind = kind;
        this.codec = codec;
    }

    /** @throws NOT_FOUND */
    get(id: string): Row {
        const row = this.rows.get(id);
        if (row === undefined) throw notFound(this.kind, id);
        return row;
    }

    has(id: string): boolean {
        return this.rows.has(id);
    }

    all(): Row[] {
        return [...this.rows.values()];
    }

    where(condition: (row: Row) => boolean): Row[] {
        return this.all().filter(condition);
    }

    put(row: Row): Row {
        this.rows.set(row.id, row);
        return row;
    }

    /**
     * Replaces the given fields of the row as it is now (not as it was before some wait).
     * @throws NOT_FOUND
     */
    update(id: string, changes: Partial<Row>): Row {
        return this.put({ ...this.get(id), ...changes });
    }

    delete(id: string): void {
        this.rows.delete(id);
    }

    /** @returns a function that brings the present rows back */
    snapshot(): () => void {
        const rows = new Map(this.rows);
        return () => {
            this.rows = rows;
        };
    }

    toJSON(): unknown[] {
        return this.all().map((row) => this.codec.toJSON(row));
    }

    load(rows: unknown[]): void {
        for (const row of rows) this.put(this.codec.fromJSON(row));
    }
}
