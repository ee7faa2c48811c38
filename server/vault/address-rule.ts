/**
 * Which client addresses may: lists of addresses and ranges that allow, and such that deny. A leaf: this file imports
 * nothing of the vault.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

export interface AddressRule {
  /** undefined = everybody who is not denied. */
  readonly allowed: BlockList | undefined;
  readonly denied: BlockList | undefined;
}

/** The rule of two lists, or undefined when they keep nobody out. @throws {TypeError} for what is no address or CIDR range */
export function addressRule(allowed: readonly string[], denied: readonly string[]): AddressRule | undefined {
  return allowed.length + denied.length === 0 ? undefined : { allowed: blockList(allowed), denied: blockList(denied) };
}

/** Whether the rule lets this address in. What is no address is on no list, and unknown means no. */
export function admits(rule: AddressRule, address: string): boolean {
  const plain = address.startsWith("::ffff:") && isIPv4(address.slice(7)) ? address.slice(7) : address;
  if (isIP(plain) === 0) return false;
  const family = isIPv4(plain) ? "ipv4" : "ipv6";
  if (rule.denied?.check(plain, family) === true) return false;
  return rule.allowed === undefined || rule.allowed.check(plain, family);
}

const RANGE = /^([^/]+)(?:\/(0|[1-9][0-9]{0,2}))?$/;

/** True for `10.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8`. */
export function isAddressRange(text: string): boolean {
  const [, address = "", bits] = RANGE.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && !address.includes("%") && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}

function blockList(ranges: readonly string[]): BlockList | undefined {
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [address, bits] = range.split("/") as [string, string | undefined];
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
