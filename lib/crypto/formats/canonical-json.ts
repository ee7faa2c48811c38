/**
 * Canonical JSON: one text for one value, so that it can be hashed and signed.
 *
 * RFC 8785 (JCS) over plain data, with one deviation: an integer beyond 2^53 − 1 is refused although JCS would print it
 * (its own example holds 1E30), because two different integers could then have one text. Put such numbers in strings.
 * This file must never call `toJSON`, skip a member, or turn anything into null: what it cannot say exactly it refuses.
 *
 * @see RFC 8785 §3.2; RFC 7493 §2.1-2.3 (I-JSON)
 */
import { HsmError } from "@keystead/contract/errors";

/** Deepest nesting of arrays and objects; also ends a cycle. */
export const MAX_DEPTH = 64;

/** Plain data: what canonical JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * The canonical text of `value`. Hash or sign its UTF-8 bytes.
 *
 * @throws {HsmError} INVALID_REQUEST   undefined, functions, symbols, bigints, class instances, holes, non-finite numbers,
 *                                      integers beyond 2^53 − 1, lone surrogates, nesting deeper than 64
 * @example
 * canonicalJson({ b: [1.0, "é"], a: null }); // '{"a":null,"b":[1,"é"]}'
 */
export function canonicalJson(value: Json): string {
  return serialize(value, 0);
}

function serialize(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return string(value);
    case "number":
      return number(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (depth >= MAX_DEPTH) throw refused(`nested deeper than ${MAX_DEPTH}`);
      return Array.isArray(value) ? array(value, depth + 1) : object(value, depth + 1);
    default:
      throw refused(`a value of type ${typeof value}`);
  }
}

/** JSON.stringify escapes exactly what RFC 8785 §3.2.2.2 says, once lone surrogates are out. */
function string(value: string): string {
  if (!value.isWellFormed()) throw refused("a lone surrogate");
  return JSON.stringify(value);
}

/** RFC 8785 §3.2.2.3 is ECMAScript's own number to string; −0 becomes 0. */
function number(value: number): string {
  if (!Number.isFinite(value)) throw refused("a number that is not finite");
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw refused("an integer beyond 2^53 - 1");
  return String(value);
}

function array(items: readonly unknown[], depth: number): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) text += (i === 0 ? "" : ",") + serialize(items[i], depth); // a hole reads undefined
  return text + "]";
}

function object(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused("an object that is not plain");
  let text = "{";
  // The default sort compares UTF-16 code units, as RFC 8785 §3.2.3 asks.
  for (const name of Object.keys(value).sort()) {
    text += (text === "{" ? "" : ",") + string(name) + ":" + serialize((value as Record<string, unknown>)[name], depth);
  }
  return text + "}";
}

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `no canonical JSON: ${detail}`);
