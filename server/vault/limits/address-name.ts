/**
 * The name under which requests from a client address are counted.
 *
 * An IPv6 address stands for its /64: whoever has one address of a network has as good as all of them (RFC 4291 §2.5.4,
 * RFC 6177). An IPv4 address in IPv6 clothes is that IPv4 address. What is no address is counted together.
 */
import { isIPv4, isIPv6 } from "node:net";

export function addressName(address: string): string {
  if (isIPv4(address)) return address;
  const [plain = ""] = address.split("%", 1);
  if (!isIPv6(plain)) return "unknown";
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const hex = (high: string | undefined, low: string | undefined): string => ((Number(high) << 8) | Number(low)).toString(16);
  const text = dotted === null ? plain : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [before = "", after] = text.split("::");
  const groups = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const whole = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  if (whole.slice(0, 5).every((group) => group === 0) && whole[5] === 0xffff) {
    const [high = 0, low = 0] = whole.slice(6);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  return `${whole
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}
