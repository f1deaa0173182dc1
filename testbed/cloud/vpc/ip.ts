/** IPv4 addresses as unsigned 32-bit numbers, and ranges of them. */
export interface Cidr {
    /** First address of the range. */
    first: number;
    /** Last address of the range. */
    last: number;
    prefixLength: number;
    /** Whether the text named the first address, as it should: 10.0.0.0/24, not 10.0.0.7/24. */
    canonical: boolean;
}

/** @returns undefined when the text is no dotted IPv4 address */
export function parseAddress(text: string): number | undefined {
    const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
    if (parts === undefined || parts.some((part) => part > 255)) return undefined;
    return parts.reduce((address, part) => address * 256 + part, 0);
}

export function formatAddress(address: number): string {
    return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** @returns undefined when the text is no IPv4 range in CIDR notation */
export function parseCidr(text: string): Cidr | undefined {
    const [addressText = "", lengthText = ""] = text.split("/");
    const address = parseAddress(addressText);
    const prefixLength = Number(lengthText);
    if (address === undefined || !/^\d{1,2}$/.test(lengthText) || prefixLength > 32) return undefined;
    const size = 2 ** (32 - prefixLength);
    const first = Math.floor(address / size) * size;
    return { first, last: first + size - 1, prefixLength, canonical: first === address };
}

export const contains = (outer: Cidr, inner: Cidr) => outer.first <= inner.first && inner.last <= outer.last;

export const overlap = (a: Cidr, b: Cidr) => a.first <= b.last && b.first <= a.last;
