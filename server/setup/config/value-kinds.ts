/**
 * The kinds of values configuration keys take. Each says in words what it expects, so that every error message can
 * say what would be right without repeating the value that was wrong.
 */
import { isIP } from "node:net";
import { z } from "zod";

/** What is attached to every key's schema; error messages and the reference page read it. */
export interface KeyMeta {
  /** One line for the reference page. */
  readonly description: string;
  /** What a right value looks like. */
  readonly expects: string;
  /** True when a wrong value might be a secret written by mistake; it is then never shown. */
  readonly secret?: boolean;
}

/** A kind: its schema and the words for it. */
function kind<S extends z.ZodType>(schema: S, expects: string, secret = false): S {
  return schema.meta({ expects, secret }) as S;
}

const SECONDS_PER_UNIT = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const;
const DURATION = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/;

/** Seconds of a duration such as `30s`, `90d`, `500ms`; the text must match {@link DURATION}. */
function secondsOf(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return Number(amount) * SECONDS_PER_UNIT[unit as keyof typeof SECONDS_PER_UNIT];
}

const CIDR = /^(.+)\/([0-9]{1,3})$/;

/** True for `10.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8`. */
function isAddressRange(text: string): boolean {
  const [, address = text, bits] = CIDR.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** The kinds, by name. Functions take the limits that differ from key to key. */
export const KIND = {
  boolean: kind(z.boolean(), "true or false"),
  text: kind(z.string().max(1024), "text of at most 1024 characters"),
  name: kind(z.string().min(1).max(255), "a name of 1 to 255 characters"),
  verifierKey: kind(
    z.string().regex(/^[^\s+]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/),
    "a verifier key: its name, + and 8 hexadecimal digits, + and the base64 of 33 bytes",
  ),
  keyName: kind(z.string().regex(/^[^\s+\p{Cc}]{1,255}$/u), "a name of 1 to 255 characters without spaces and +"),
  path: kind(
    z
      .string()
      .min(1)
      .max(4096)
      .refine((path) => !path.includes("\0")),
    "the path of a file or folder; {data_dir} at its start means storage.data_dir",
  ),
  url: kind(
    z
      .string()
      .max(2048)
      .refine((text) => {
        const url = URL.canParse(text) ? new URL(text) : undefined;
        return url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.hash === "";
      }),
    "an address that begins with https:// (http:// outside production, for this machine), without user, password and fragment",
  ),
  host: kind(
    z.string().refine((host) => isIP(host) !== 0 || HOST_NAME.test(host)),
    "an IP address or a host name",
  ),
  port: kind(z.number().int().min(0).max(65_535), "a whole number from 0 to 65535 (0 lets the system choose)"),
  seconds: kind(
    z.union([z.number().min(0).max(1e9), z.string().regex(DURATION).transform(secondsOf)]),
    "seconds as a number, or a duration such as 500ms, 30s, 5m, 2h, 90d",
  ),
  addressRanges: kind(z.array(z.string().refine(isAddressRange)), 'a list of IP addresses or CIDR ranges, such as [10.0.0.0/8, "::1"]'),
  /** A secret's name, never its value. */
  reference: kind(
    z.string().regex(/^(?:file:.+|env:[A-Za-z_][A-Za-z0-9_]*|fd:(?:[3-9]|[1-5][0-9]|6[0-3]))$/),
    "a reference to the secret: file:/path, env:NAME or fd:N (N from 3 to 63); never the secret itself",
    true,
  ),
  names: kind(z.array(z.string().min(1).max(255)), "a list of names"),
  buckets: kind(
    z
      .array(z.number().positive())
      .min(1)
      .max(64)
      .refine((list) => list.every((bucket, at) => at === 0 || bucket > (list[at - 1] ?? 0))),
    "a list of 1 to 64 ascending positive numbers (seconds)",
  ),
  ratio: kind(z.number().min(0).max(1), "a number from 0 to 1"),
  integer: (min: number, max: number) => kind(z.number().int().min(min).max(max), `a whole number from ${min} to ${max}`),
  oneOf: <const T extends readonly [string, ...string[]]>(...words: T) =>
    kind(z.enum(words), words.length === 1 ? words[0] : `one of ${words.join(", ")}`),
};

/** The same kind with the key's one-line description. */
export function key<S extends z.ZodType>(schema: S, description: string): S {
  return schema.meta({ ...schema.meta(), description }) as S;
}
