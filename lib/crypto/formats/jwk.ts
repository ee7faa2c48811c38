/**
 * Reads a JSON Web Key strictly: one flat object, no name twice, no lone surrogate.
 *
 * A parser that keeps the last of two `d` members and one that keeps the first would see two keys in one text; such a
 * text is refused. JavaScript strings cannot be wiped: of a key that arrives as a JWK, copies stay in memory until
 * they are collected. The values themselves are for Node and the mechanism to judge.
 *
 * @see RFC 7517 §4, RFC 8725 §2.4, RFC 7493 §2.3 (I-JSON: no duplicate names)
 */
import type { JsonWebKeyInput } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";

/** A JWK as Node takes it. */
export type Jwk = JsonWebKeyInput["key"] & { readonly alg?: string };

/**
 * The JWK in `bytes` (UTF-8 JSON text).
 *
 * @param algorithms values that `alg`, if present, may have
 * @throws {HsmError} INVALID_REQUEST
 */
export function parseJwk(bytes: Uint8Array, algorithms: readonly string[]): Jwk {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw refused("not JSON"); // no cause: the parser's message quotes its input
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused("not an object");
  const members = Object.entries(value);
  if (members.some(([, member]) => typeof member !== "string" && !isStringArray(member))) {
    throw refused("members must be strings or arrays of strings");
  }
  if (memberCount(text) !== members.length) throw refused("a member is given twice");
  if (members.some(([name, member]) => !name.isWellFormed() || (typeof member === "string" && !member.isWellFormed()))) {
    throw refused("a lone surrogate");
  }
  const jwk = value as Jwk;
  if (jwk.alg !== undefined && !algorithms.includes(jwk.alg)) throw refused("its alg names another algorithm");
  return jwk;
}

const isStringArray = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === "string");

/** How many names stand before a colon: in a flat object of valid JSON, every name once per occurrence. */
function memberCount(text: string): number {
  let count = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) count++;
  return count;
}

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `key material refused: JWK: ${detail}`);
