/** IPv4 addresses and blocks as plain numbers; all functions throw on malformed text. */

/** A block such as 10.0.0.0/24. */
export interface Block {
    /** The network address as a number. */
    first: number;
    /** The broadcast address as a number. */
    last: number;
    prefixLength: number;
}

/** "10.0.0.1" → 167772161 */
export function parseAddress(text: string): number {
    const octets = text.split(".");
    if (octets.length !== 4) throw new Error(`${text} is not an IPv4 address`);
    return octets.reduce((number, octet) => {
        if (!/^\d{1,3}$/.test(octet) || Number(octet) > 255) throw new Error(`${text} is not an IPv4 address`);
        return number * 256 + Number(octet);
    }, 0);
}

/** 167772161 → "10.0.0.1" */
export function formatAddress(number: number): string {
    return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}

/** "10.0.0.0/24" → its first and last address; host bits are cleared. */
export function parseBlock(cidr: string): Block {
    const [address, prefix, ...rest] = cidr.split("/");
    const prefixLength = Number(prefix);
    if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefix ?? "") || prefixLength > 32) {
        throw new Error(`${cidr} is not an IPv4 block`);
    }
    const size = 2 ** (32 - prefixLength);
    const first = Math.floor(parseAddress(address) / size) * size;
    return { first, last: first + size - 1, prefixLength };
}

/** Whether `address` lies in `block`. */
export function contains(block: Block, address: string): boolean {
    const number = parseAddress(address);
    return number >= block.first && number <= block.last;
}
