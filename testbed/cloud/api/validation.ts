import { invalidArgument } from "./errors.ts";
import limits from "./limits.json" with { type: "json" };

/** The limits of one field in the API's own definition; see limits.json. */
interface FieldRule {
    required?: boolean;
    /** Length of a string in characters. */
    minLength?: number;
    maxLength?: number;
    pattern?: string;
    /** Range of a number. */
    min?: number;
    max?: number;
    oneOf?: number[];
    /** Elements of a list, entries of a map. */
    minItems?: number;
    maxItems?: number;
    keyPattern?: string;
    keyLength?: number[];
    valuePattern?: string;
    maxValueLength?: number;
    maxValueKiB?: number;
    maxTotalKiB?: number;
    /** Full name of the nested message. */
    message?: string;
}

type MessageRules = Record<string, FieldRule>;

const requests: Record<string, string> = limits.requests;
const messages = limits.messages as Record<string, MessageRules>;

/**
 * Checks a request against the limits of the API's definition.
 * @param path gRPC path of the method, `/yandex.cloud.vpc.v1.NetworkService/Create`
 * @throws INVALID_ARGUMENT that names every field at fault
 */
export function validateRequest(path: string, request: object): void {
    const name = requests[path];
    if (name === undefined) return;
    const faults = faultsOfMessage(name, request as Record<string, unknown>, "");
    if (faults.length > 0) throw invalidArgument(`Request validation error: ${faults.join("; ")}`);
}

function faultsOfMessage(name: string, message: Record<string, unknown>, prefix: string): string[] {
    return Object.entries(messages[name] ?? {}).flatMap(([field, rule]) =>
        faultsOfField(rule, message[camelCase(field)], prefix + field),
    );
}

function faultsOfField(rule: FieldRule, value: unknown, path: string): string[] {
    if (isAbsent(value)) return rule.required ? [`${path}: Field is required`] : [];
    if (typeof value === "string") return faultsOfString(rule, value, path);
    if (typeof value === "number") return faultsOfNumber(rule, value, path);
    if (Array.isArray(value)) return faultsOfList(rule, value, path);
    if (rule.message !== undefined) return faultsOfMessage(rule.message, value as Record<string, unknown>, `${path}.`);
    if (typeof value === "object" && value !== null) return faultsOfMap(rule, value as Record<string, string>, path);
    return [];
}

/** On the wire an unset scalar, list or map is the same as an empty one. */
function isAbsent(value: unknown): boolean {
    return value === undefined || value === "" || value === 0 || (Array.isArray(value) && value.length === 0);
}

function faultsOfString(rule: FieldRule, value: string, path: string): string[] {
    const length = [...value].length;
    const faults = [];
    if (length < (rule.minLength ?? 0)) faults.push(`${path}: Length must be at least ${rule.minLength}`);
    if (length > (rule.maxLength ?? Infinity)) faults.push(`${path}: Length must be at most ${rule.maxLength}`);
    if (rule.pattern !== undefined && !matches(rule.pattern, value)) {
        faults.push(`${path}: ${JSON.stringify(value)} does not match /${rule.pattern}/`);
    }
    return faults;
}

function faultsOfNumber(rule: FieldRule, value: number, path: string): string[] {
    if (value < (rule.min ?? -Infinity) || value > (rule.max ?? Infinity)) {
        return [`${path}: ${value} is out of range ${rule.min ?? ""}..${rule.max ?? ""}`];
    }
    if (rule.oneOf !== undefined && !rule.oneOf.includes(value)) {
        return [`${path}: ${value} is not one of ${rule.oneOf.join(", ")}`];
    }
    return [];
}

function faultsOfList(rule: FieldRule, list: unknown[], path: string): string[] {
    const faults = faultsOfCount(rule, list.length, path);
    if (rule.message !== undefined) {
        for (const [index, item] of list.entries()) {
            faults.push(...faultsOfMessage(rule.message, item as Record<string, unknown>, `${path}[${index}].`));
        }
    }
    return faults;
}

function faultsOfMap(rule: FieldRule, map: Record<string, string>, path: string): string[] {
    const entries = Object.entries(map);
    const faults = faultsOfCount(rule, entries.length, path);
    const [minKeyLength = 0, maxKeyLength = Infinity] = rule.keyLength ?? [];
    let totalBytes = 0;
    for (const [key, value] of entries) {
        if (key.length < minKeyLength || key.length > maxKeyLength) {
            faults.push(`${path}: Length of key ${JSON.stringify(key)} must be ${minKeyLength}..${maxKeyLength}`);
        } else if (rule.keyPattern !== undefined && !matches(rule.keyPattern, key)) {
            faults.push(`${path}: Key ${JSON.stringify(key)} does not match /${rule.keyPattern}/`);
        }
        // Values may be secret or large (metadata), so the messages name their key only.
        if (value.length > (rule.maxValueLength ?? Infinity)) {
            faults.push(`${path}.${key}: Length must be at most ${rule.maxValueLength}`);
        }
        if (rule.valuePattern !== undefined && !matches(rule.valuePattern, value)) {
            faults.push(`${path}.${key}: Value does not match /${rule.valuePattern}/`);
        }
        const valueBytes = Buffer.byteLength(value);
        if (valueBytes > (rule.maxValueKiB ?? Infinity) * 1024) {
            faults.push(`${path}.${key}: Value must be at most ${rule.maxValueKiB} KiB`);
        }
        totalBytes += Buffer.byteLength(key) + valueBytes;
    }
    if (totalBytes > (rule.maxTotalKiB ?? Infinity) * 1024) {
        faults.push(`${path}: All values together must be at most ${rule.maxTotalKiB} KiB`);
    }
    return faults;
}

function faultsOfCount(rule: FieldRule, count: number, path: string): string[] {
    if (count < (rule.minItems ?? 0)) return [`${path}: Must have at least ${rule.minItems} elements`];
    if (count > (rule.maxItems ?? Infinity)) return [`${path}: Must have at most ${rule.maxItems} elements`];
    return [];
}

const matches = (pattern: string, value: string) => new RegExp(`^(?:${pattern})$`).test(value);

/** `v4_cidr_blocks` → `v4CidrBlocks`, as the generated messages name their fields. */
export const camelCase = (field: string) => field.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
