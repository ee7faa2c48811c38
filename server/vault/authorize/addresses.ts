/**
 * Client addresses and the ranges that rules name.
 *
 * An IPv4 address inside IPv6 (`::ffff:192.0.2.7`) is the IPv4 address. What is no address is in no range.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

/** The address as ranges are compared with it, or undefined when it is none. */
export function plainAddress(address: string): { readonly address: string; readonly family: "ipv4" | "ipv6" } | undefined {
  const plain = address.startsWith("::ffff:") && isIPv4(address.slice(7)) ? address.slice(7) : address;
  if (isIP(plain) === 0) return undefined;
  return { address: plain, family: isIPv4(plain) ? "ipv4" : "ipv6" };
}

/** @throws {TypeError} for a range that is no address or CIDR */
export function blockList(ranges: readonly string[]): BlockList | undefined {
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [address, bits, ...more] = range.split("/") as [string, string | undefined];
    if (isIP(address) === 0 || more.length > 0) throw new TypeError(`${range} is no address or range`);
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else if (!/^\d{1,3}$/.test(bits) || Number(bits) > (family === "ipv4" ? 32 : 128)) throw new TypeError(`${range} is no range`);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Whether the address lies in one of the list's ranges. */
export function inRanges(list: BlockList, address: string): boolean {
  const plain = plainAddress(address);
  return plain !== undefined && list.check(plain.address, plain.family);
}

export interface AddressRule {
  readonly allowed: BlockList | undefined;
  readonly denied: BlockList | undefined;
}

/** Whether a namespace's rule lets the address in. What is no address is on no list, and unknown means no. */
export function admits({ allowed, denied }: AddressRule, address: string): boolean {
  const plain = plainAddress(address);
  if (plain === undefined || denied?.check(plain.address, plain.family) === true) return false;
  return allowed === undefined || allowed.check(plain.address, plain.family);
}
