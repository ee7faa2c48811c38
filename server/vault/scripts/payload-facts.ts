/**
 * What a script is told of the bytes that a request is about.
 *
 * Of all of them digest and size. The bytes themselves only where they are there to be signed: as JSON or text when they
 * can be read in one way alone, otherwise as they are. What is encrypted or decrypted is never told.
 */
import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";

/** Largest payload that is told as it is, bytes. */
const TOLD_BYTES = 16_384;

/** @param signed the payload is there to be signed */
export function payloadFacts(request: object, signed: boolean): object | undefined {
  const { data, digestValue, rawData, plaintext, ciphertext, context } = request as Readonly<Record<string, unknown>>;
  const payload = data ?? digestValue ?? rawData ?? plaintext ?? ciphertext;
  if (!(payload instanceof Uint8Array)) return undefined;
  const facts = { bytes: payload.length, sha256: hash("sha256", payload, "hex") };
  if (!signed) return facts;
  return {
    ...facts,
    // Signed with the data, by the schemes that take one.
    ...(context instanceof Uint8Array && context.length > 0 ? { contextHex: hex(context) } : {}),
    // A digest is what was made of something else, and so are bytes that are signed as they are: read as text either would
    // say what nobody signs.
    ...(payload === digestValue
      ? { format: "digest", hex: hex(payload) }
      : payload === rawData
        ? { format: "raw", hex: hex(payload) }
        : decoded(payload)),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** The payload as it can be read. */
function decoded(payload: Uint8Array): { readonly format: string; readonly json?: unknown; readonly text?: string; readonly hex?: string } {
  if (payload.length > TOLD_BYTES) return { format: "large" };
  if (!isUtf8(payload)) return { format: "binary", hex: hex(payload) };
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("utf8");
  // Parsing what is none costs more than looking.
  if (/^[\t\n\r ]*[[{]/.test(text)) {
    try {
      const json = JSON.parse(text) as object;
      return namesIn(json) === namesWritten(text) ? { format: "json", json } : { format: "ambiguous", text };
    } catch {
      // Not JSON.
    }
  }
  return { format: "text", text };
}

/** How many names the objects of a valid JSON text are written with: one that an object says twice counts twice. */
function namesWritten(text: string): number {
  let names = 0;
  for (let open = text.indexOf('"'); open !== -1;) {
    let at = closing(text, open) + 1;
    while (SPACE.has(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === COLON) names += 1;
    open = text.indexOf('"', at);
  }
  return names;
}

const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACE: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20]);

/** Where the string that begins at `open` ends. */
function closing(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = at;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes -= 1;
    if ((at - slashes) % 2 === 0) return at;
  }
}

/** Objects and lists within one another. */
const MOST_DEPTH = 100;

/**
 * How many names the objects of a value have; NaN when something in it is not told as it was written (a number that other
 * readers may know more exactly, a string that is no Unicode), or when it is too deep to be looked through.
 */
function namesIn(value: unknown, depth = 0): number {
  if (typeof value === "string") return value.isWellFormed() ? 0 : Number.NaN;
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? 0 : Number.NaN;
  if (value === null || typeof value !== "object") return 0;
  if (depth >= MOST_DEPTH) return Number.NaN;
  let names = 0;
  if (Array.isArray(value)) for (const inner of value) names += namesIn(inner, depth + 1);
  else
    for (const name of Object.keys(value))
      names += (name.isWellFormed() ? 1 : Number.NaN) + namesIn((value as Readonly<Record<string, unknown>>)[name], depth + 1);
  return names;
}
