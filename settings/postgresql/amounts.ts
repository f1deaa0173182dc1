/** Numbers as PostgreSQL reads them in its configuration (`parse_int`, `parse_real`, `convert_to_base_unit` in guc.c). */
import type { PostgresqlParameter } from "./parameters-17.ts";

export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

/** Each unit in the smallest of its kind, the largest first. */
const memoryUnits = { TB: 1024 ** 4, GB: 1024 ** 3, MB: 1024 ** 2, kB: 1024, B: 1 } as const;
const timeUnits = { d: 86_400_000_000, h: 3_600_000_000, min: 60_000_000, s: 1_000_000, ms: 1000, us: 1 } as const;

/** A decimal number and a unit. PostgreSQL also reads octal and hexadecimal numbers, but `010` is hardly meant as 8. */
const amount = /^\s*([+-]?(?:0|[1-9]\d*|(?=\.\d))(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*$/;
const wholeNumber = /^\s*[+-]?\d+\s*$/;

/** The units that a parameter with this base unit accepts, the largest first. @param baseUnit for example `8kB` or `ms` */
export function unitsBeside(baseUnit: string): readonly string[] {
    return Object.keys(unitTable(baseUnit));
}

/**
 * Parses a value as PostgreSQL does. Units are case-sensitive. Without one the number counts base units.
 * @returns the number of base units, rounded as PostgreSQL does; undefined if PostgreSQL or Patroni refuses the text
 */
export function parseAmount(
    text: string,
    { type, unit }: Pick<PostgresqlParameter, "type" | "unit">,
): number | undefined {
    const [, digits, given] = amount.exec(text) ?? [];
    if (digits === undefined || given === undefined) return undefined;
    // Patroni reads some parameters with Python's int(), which refuses 1e2 and 100.0.
    if (type === "integer" && given === "" && !wholeNumber.test(text)) return undefined;
    const number = Number(digits);
    const value = given === "" ? number : unit === undefined ? undefined : toBaseUnit(number, given, unit);
    if (value === undefined || !Number.isFinite(value)) return undefined;
    return type === "integer" ? roundToEven(value) : value;
}

/** @param baseUnit PostgreSQL's name for a unit of memory, for example `8kB` */
export function baseUnitInBytes(baseUnit: string): number {
    return baseUnitSize(baseUnit);
}

/** A number of base units as a user would write it: `128kB` for 16 of `8kB`. */
export function showAmount(value: number, unit: string | undefined): string {
    if (unit === undefined || value <= 0) return String(value);
    const [, factor, name] = /^(\d*)(\D+)$/.exec(unit)!;
    return `${value * Number(factor || 1)}${name}`;
}

/** Converts to base units. A fraction is first rounded to whole units of the next smaller kind: 30.1GB is 30822MB. */
function toBaseUnit(value: number, given: string, baseUnit: string): number | undefined {
    const units = Object.entries(unitTable(baseUnit));
    const index = units.findIndex(([name]) => name === given);
    if (index < 0) return undefined;
    const base = baseUnitSize(baseUnit);
    const converted = (value * units[index]![1]) / base;
    const smaller = units[index + 1];
    return smaller === undefined ? converted : (roundToEven((converted * base) / smaller[1]) * smaller[1]) / base;
}

function baseUnitSize(baseUnit: string): number {
    const [, factor, name] = /^(\d*)(\D+)$/.exec(baseUnit)!;
    return Number(factor || 1) * unitTable(baseUnit)[name!]!;
}

function unitTable(baseUnit: string): Readonly<Record<string, number>> {
    return baseUnit.endsWith("B") ? memoryUnits : timeUnits;
}

/** C's rint: a half is rounded to the even neighbour. */
function roundToEven(value: number): number {
    const floor = Math.floor(value);
    if (value - floor !== 0.5) return Math.round(value);
    return floor % 2 === 0 ? floor : floor + 1;
}
