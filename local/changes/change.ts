import type { SettingName } from "../../settings/index.ts";

/** Values by key, as the stack's file has them; undefined leaves a key out. */
export type Values = Readonly<Partial<Record<SettingName, unknown>>>;

/** A change of one setting on a running cluster, and how to see that it arrived. */
export interface SettingChange {
    readonly key: SettingName;
    /** Tells changes of the same key apart. @default none */
    readonly variant?: string;
    /** The new value; a function makes it from the present one. */
    readonly value: unknown;
    /** Values that other keys must have with the new one, and change with it. @default none */
    readonly together?: Values;
    /** Values that the cluster has before and after. @default those of the stack's file */
    readonly given?: Values;
    /** Keys that change in the same way, by the same code: this run stands for theirs. @default none */
    readonly standsFor?: readonly SettingName[];
    readonly expected: Arrival | Refusal | Nothing;
}

/** The new value must be in force. */
export interface Arrival {
    /** Texts in which the value in force stands, by the name of the place: a machine, a resource. */
    readonly seen: () => Promise<Readonly<Record<string, string>>>;
    /** What every text has with the new value, and none with the old one. */
    readonly shows: string;
    /** Whether the old value leaves what the new one made, as a database that is no longer listed. @default false */
    readonly stays?: boolean;
}

/** The preview must refuse the change. */
export interface Refusal {
    /** A part of the message. */
    readonly refusal: string;
}

/** There is nothing to change: the value is for what will be made later, or for the preview. */
export interface Nothing {
    readonly nothing: string;
}

/** What names a change on the command line and in tables. */
export const nameOf = ({ key, variant }: Pick<SettingChange, "key" | "variant">): string =>
    variant === undefined ? key : `${key}/${variant}`;
