/** The little IPv4 arithmetic the program needs, on top of ip-address. */
import { Address4 } from "ip-address";

/** A range in CIDR notation without host bits, or undefined when the text is none. */
export function parseCidr(text: string): Address4 | undefined {
    if (!/^\d+(\.\d+){3}\/\d+$/.test(text) || !Address4.isValid(text)) return undefined;
    const range = new Address4(text);
    return range.networkForm() === text ? range : undefined;
}

/** The network that an address with a prefix length lies in: 10.0.0.5/16 → 10.0.0.0/16. */
export function networkOf(text: string): string | undefined {
    return /^\d+(\.\d+){3}\/\d+$/.test(text) && Address4.isValid(text) ? new Address4(text).networkForm() : undefined;
}

export function isIpv4Address(text: string): boolean {
    return !text.includes("/") && Address4.isValid(text);
}

/** Two CIDR ranges either nest or are disjoint. */
export function overlap(a: Address4, b: Address4): boolean {
    return a.isInSubnet(b) || b.isInSubnet(a);
}

/** The address at an offset from the range's first. */
export function addressAt(range: Address4, offset: number): string {
    return range.startAddress().offset(offset).correctForm();
}

/** The index-th of the equal parts with the given prefix length. */
export function part(range: Address4, prefixLength: number, index: number): Address4 {
    const size = 2 ** (32 - prefixLength);
    return new Address4(`${addressAt(range, index * size)}/${prefixLength}`);
}
