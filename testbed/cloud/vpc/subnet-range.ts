import { failedPrecondition, invalidArgument, resourceExhausted } from "../api/errors.ts";
import { contains, formatAddress, overlap, parseAddress, parseCidr, type Cidr } from "./ip.ts";

/*
 * Rules of Yandex VPC's documentation, "Cloud networks and subnets": ranges are private (RFC 1918),
 * /16 to /28, do not overlap in a network; the first two addresses are the gateway's and the DNS server's.
 */

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(requireCidr);
const shortestPrefix = 16;
const longestPrefix = 28;

function requireCidr(text: string): Cidr {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw invalidArgument(`${JSON.stringify(text)} is not an IPv4 range in CIDR notation`);
    return cidr;
}

/**
 * @param cidrBlocks what the request gives; a subnet of the testbed has exactly one range
 * @param others ranges of the other subnets in the network
 * @throws INVALID_ARGUMENT
 */
export function requireSubnetRange(cidrBlocks: readonly string[], others: readonly string[]): void {
    const [text] = cidrBlocks;
    if (text === undefined || cidrBlocks.length > 1)
        throw invalidArgument("v4_cidr_blocks: exactly one range is needed");
    const cidr = requireCidr(text);
    if (!cidr.canonical) {
        throw invalidArgument(
            `v4_cidr_blocks: ${text} does not begin at its range's first address ${formatAddress(cidr.first)}`,
        );
    }
    if (!privateRanges.some((range) => contains(range, cidr))) {
        throw invalidArgument(`v4_cidr_blocks: ${text} is not in the private ranges of RFC 1918`);
    }
    if (cidr.prefixLength < shortestPrefix || cidr.prefixLength > longestPrefix) {
        throw invalidArgument(
            `v4_cidr_blocks: the size of ${text} is not between /${shortestPrefix} and /${longestPrefix}`,
        );
    }
    const other = others.find((range) => overlap(requireCidr(range), cidr));
    if (other !== undefined) throw invalidArgument(`v4_cidr_blocks: ${text} overlaps ${other} of the same network`);
}

/** First and last address that a resource may have. */
function usableAddresses(range: string): { first: number; last: number } {
    const { first, last } = requireCidr(range);
    // The network's own address, the gateway, the DNS server; at the end the broadcast address.
    return { first: first + 3, last: last - 1 };
}

/**
 * The internal address that a resource gets.
 * @param wanted "" leaves the choice to the cloud
 * @param taken addresses in use in the subnet
 * @throws INVALID_ARGUMENT outside the range or reserved, FAILED_PRECONDITION taken, RESOURCE_EXHAUSTED none left
 */
export function allocateAddress(range: string, wanted: string, taken: ReadonlySet<string>): string {
    const usable = usableAddresses(range);
    if (wanted !== "") {
        requireUsableAddress(range, wanted);
        if (taken.has(wanted)) throw failedPrecondition(`Address ${wanted} is already in use`);
        return wanted;
    }
    for (let address = usable.first; address <= usable.last; address++) {
        const text = formatAddress(address);
        if (!taken.has(text)) return text;
    }
    throw resourceExhausted(`Subnet ${range} has no free address`);
}

/** @throws INVALID_ARGUMENT when the address is outside the range or one of the reserved */
export function requireUsableAddress(range: string, text: string): void {
    const address = parseAddress(text);
    const cidr = requireCidr(range);
    if (address === undefined) throw invalidArgument(`${JSON.stringify(text)} is not an IPv4 address`);
    if (address < cidr.first || address > cidr.last)
        throw invalidArgument(`Address ${text} is outside of subnet ${range}`);
    const usable = usableAddresses(range);
    if (address < usable.first || address > usable.last) {
        throw invalidArgument(
            `Address ${text} is reserved in subnet ${range}: the first two and the broadcast address are the network's own`,
        );
    }
}
