/**
 * Which addresses may be dialled: public ones, and those that the configuration names.
 *
 * A name can lead anywhere, also to this machine, to its neighbours, or to the metadata service of a cloud. So a name
 * is resolved first, each address is judged, and the connection goes to an address that was judged (fetch.ts).
 *
 * @see RFC 6890 and the IANA special-purpose address registries
 */
import { BlockList, isIP, isIPv4 } from "node:net";

/** Everything that is not the public internet. */
const SPECIAL: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];
/** Of IPv6 only 2000::/3 is handed out; inside it these are not the internet, or lead to an IPv4 address. */
const SPECIAL_V6: readonly string[] = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"];

export type MayDial = (address: string) => boolean;

/**
 * @param allowed addresses and CIDR ranges beyond the public ones, such as `127.0.0.1` or `10.1.0.0/16`
 */
export function addressRule(allowed: readonly string[]): MayDial {
  const listed = blockList(allowed);
  const special = blockList([...SPECIAL, ...SPECIAL_V6]);
  const global = blockList(["2000::/3"]);
  return (address) => {
    if (isIP(address) === 0 || address.includes("%")) return false;
    // An IPv4 address in IPv6 clothes is that IPv4 address.
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
    const plain = mapped ?? address;
    const family = isIPv4(plain) ? "ipv4" : "ipv6";
    if (listed.check(plain, family)) return true;
    return !special.check(plain, family) && (family === "ipv4" || global.check(plain, family));
  };
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
