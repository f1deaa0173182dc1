/**
 * OpenSSH's public keys. The data of a key is a sequence of fields, each preceded by its length in four bytes (RFC 4253,
 * 5656, 8709; OpenSSH's PROTOCOL.u2f). The first field is the type.
 */

/** Returns the rule that a field after the type breaks, or undefined. */
type FieldCheck = (field: Buffer, type: string) => string | undefined;

const incomplete = (type: string) =>
    `must be a whole ${type} key: its data is cut off or not that of such a key; copy the line again`;
const bytes =
    (length: number): FieldCheck =>
    (field, type) =>
        field.length === length ? undefined : incomplete(type);
const name =
    (expected: string): FieldCheck =>
    (field, type) =>
        field.toString() === expected ? undefined : incomplete(type);
/** An uncompressed point of a curve: the byte 4, then two coordinates. @param coordinate bytes of one coordinate */
const point =
    (coordinate: number): FieldCheck =>
    (field, type) =>
        field.length === 1 + 2 * coordinate && field[0] === 4 ? undefined : incomplete(type);
const notEmpty: FieldCheck = (field, type) => (field.length > 0 ? undefined : incomplete(type));

const leastRsaBits = 2048;
const modulus: FieldCheck = (field) =>
    bitLength(field) < leastRsaBits
        ? `must be longer: RSA keys of ${leastRsaBits} bits or more, better ssh-ed25519`
        : undefined;

const fields = {
    "ssh-ed25519": [bytes(32)],
    "ssh-rsa": [notEmpty, modulus],
    "ecdsa-sha2-nistp256": [name("nistp256"), point(32)],
    "ecdsa-sha2-nistp384": [name("nistp384"), point(48)],
    "ecdsa-sha2-nistp521": [name("nistp521"), point(66)],
    "sk-ssh-ed25519@openssh.com": [bytes(32), notEmpty],
    "sk-ecdsa-sha2-nistp256@openssh.com": [name("nistp256"), point(32), notEmpty],
} as const satisfies Record<string, readonly FieldCheck[]>;

type SshKeyType = keyof typeof fields;
export const sshKeyTypes = Object.keys(fields) as readonly SshKeyType[];
export const isSshKeyType = (type: string): type is SshKeyType => Object.hasOwn(fields, type);

/**
 * The rule that a key's data breaks, or undefined. sshd silently ignores a line with such a key, so its owner could not
 * log in.
 * @param data base64
 */
export function sshKeyMistake(type: SshKeyType, data: string): string | undefined {
    const [named, ...rest] = data.length % 4 === 0 ? split(Buffer.from(data, "base64")) : [];
    const checks: readonly FieldCheck[] = fields[type];
    if (named?.toString() !== type || rest.length !== checks.length) return incomplete(type);
    return checks.map((check, index) => check(rest[index]!, type)).find((mistake) => mistake !== undefined);
}

/** The fields of a key's data; none if they do not fill the data exactly. */
function split(data: Buffer): readonly Buffer[] {
    const found: Buffer[] = [];
    let at = 0;
    while (at < data.length) {
        const end = at + 4 <= data.length ? at + 4 + data.readUInt32BE(at) : Infinity;
        if (end > data.length) return [];
        found.push(data.subarray(at + 4, end));
        at = end;
    }
    return found;
}

/** Bits of a number that is not negative. @param number highest byte first */
function bitLength(number: Buffer): number {
    const first = number.findIndex((byte) => byte !== 0);
    return first < 0 ? 0 : (number.length - first) * 8 - Math.clz32(number[first]!) + 24;
}
