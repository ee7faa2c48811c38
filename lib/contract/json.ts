/**
 * JSON as strangers send it, read strictly.
 *
 * Beyond what JSON.parse refuses: duplicate member names, integers a double cannot hold, lone surrogates, invalid
 * UTF-8, depth over 32. Two readers of one document must never see two different requests.
 *
 * @see RFC 8259 §4, §6, §8; RFC 7493 (I-JSON)
 */
import { HsmError } from "./errors.ts";

export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

export const MAX_JSON_DEPTH = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

const invalid = (what: string): HsmError => new HsmError("INVALID_REQUEST", `the body is not acceptable JSON: ${what}`);

/**
 * Parses a document.
 *
 * @throws {HsmError} INVALID_REQUEST saying what is wrong, never repeating the document
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalid("it is not UTF-8");
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    throw invalid("syntax");
  }
  const { members, escapes } = scan(text);
  const counted = count(value, 1);
  // Every colon outside a string is one member; a name that came twice left fewer members than colons.
  if (counted !== members) throw invalid("a member name appears twice");
  if (escapes && !wellFormed(value)) throw invalid("a string holds half a surrogate pair");
  return value;
}

/** Looks once over a document that JSON.parse accepted. */
function scan(text: string): { members: number; escapes: boolean } {
  let members = 0;
  let escapes = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const from = at;
      for (;;) {
        at = text.indexOf('"', at + 1);
        let slashes = 0;
        while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
        if (slashes % 2 === 0) break;
      }
      if (!escapes) {
        const escape = text.indexOf("\\u", from);
        escapes = escape !== -1 && escape < at;
      }
    } else if (char === COLON) {
      members += 1;
    } else if (char >= 0x30 && char <= 0x39) {
      const from = at;
      let fraction = false;
      for (;;) {
        const next = text.charCodeAt(at + 1);
        if (next === 0x2e || next === 0x45 || next === 0x65 || next === 0x2b || next === 0x2d) fraction = true;
        else if (!(next >= 0x30 && next <= 0x39)) break;
        at += 1;
      }
      if (fraction || at - from >= 15) {
        // 9007199254740993.0 and 1e400 lose digits just as 9007199254740993 does.
        const number = Number(text.slice(from, at + 1));
        if (!Number.isSafeInteger(number) && (Number.isInteger(number) || !Number.isFinite(number)))
          throw invalid("an integer is too large for a JSON number; send it as a string");
      }
    }
  }
  return { members, escapes };
}

function count(value: JsonValue, depth: number): number {
  if (value === null || typeof value !== "object") return 0;
  if (depth > MAX_JSON_DEPTH) throw invalid(`it is nested deeper than ${MAX_JSON_DEPTH}`);
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += count(item, depth + 1);
    return members;
  }
  for (const name of Object.keys(value)) members += 1 + count(value[name] as JsonValue, depth + 1);
  return members;
}

function wellFormed(value: JsonValue): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (value === null || typeof value !== "object") return true;
  if (Array.isArray(value)) return value.every(wellFormed);
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && wellFormed(member));
}
