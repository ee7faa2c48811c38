/**
 * What every private-key mechanism does alike: read the formats, load and store PKCS#8.
 *
 * OpenSSL forgives much when it reads a key: bytes after the end, one structure under another's name, a public half
 * of someone else. Nothing of that is forgiven here. The result of {@link readPrivateKey} is parsed, not yet sound:
 * curve, size and numbers are for the mechanism to check. This file must never put input into an error.
 *
 * @see RFC 5208, RFC 5958 (PKCS#8), RFC 5915 (SEC1), RFC 8017 App. A (PKCS#1), RFC 7468 (PEM), RFC 7517 (JWK)
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { DER_INTEGER, DER_OCTET_STRING, DER_SEQUENCE, readSequence } from "../formats/der.ts";
import { parseJwk } from "../formats/jwk.ts";
import { shortPkcs8 } from "../formats/rfc8410.ts";
import type { ImportFormat } from "../mechanism.ts";
import { copySecret, wipe } from "../wipe.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";

/** Longest key file that is read at all, in bytes: an RSA-4096 JWK takes about 3,200. */
export const MAX_KEY_BYTES = 16 * 1024;

/** A parsed private key, and the DER it came from where there was one (on memory of its own; the caller wipes it). */
export interface ReadKey {
  readonly key: KeyObject;
  readonly structure: Structure | "jwk";
  readonly der?: Buffer;
}

type Structure = "pkcs8" | "sec1" | "pkcs1";

/** The tag of the second element tells the three structures apart; each begins with an INTEGER. */
const SECOND_TAG: Readonly<Record<Structure, number>> = { pkcs8: DER_SEQUENCE, sec1: DER_OCTET_STRING, pkcs1: DER_INTEGER };

/**
 * The private key in `bytes`, parsed by Node after its outer structure was checked.
 *
 * @param joseAlgorithms values a JWK's `alg` may have; a JWK without `alg` is accepted
 * @throws {HsmError} INVALID_REQUEST
 */
export function readPrivateKey(format: Exclude<ImportFormat, "raw">, bytes: Uint8Array, joseAlgorithms: readonly string[]): ReadKey {
  if (bytes.byteLength > MAX_KEY_BYTES) throw keyRefused(`longer than ${MAX_KEY_BYTES} bytes`);
  switch (format) {
    case "jwk": {
      const jwk = parseJwk(bytes, joseAlgorithms);
      return { key: attempt(() => createPrivateKey({ key: jwk, format: "jwk" })), structure: "jwk" };
    }
    case "pem": {
      const { structure, der } = decodePem(bytes);
      return readDer(structure, der);
    }
    case "pkcs8":
    case "sec1":
      return readDer(format, copySecret(bytes));
    default:
      throw keyRefused("not a known key format");
  }
}

function readDer(structure: Structure, der: Buffer): ReadKey {
  try {
    const elements = readSequence(der);
    if (elements?.[0]?.tag !== DER_INTEGER || elements[1]?.tag !== SECOND_TAG[structure]) {
      throw keyRefused(`not exactly one unencrypted ${structure} structure`);
    }
    return { key: attempt(() => createPrivateKey({ key: der, format: "der", type: structure })), structure, der };
  } catch (error) {
    wipe(der);
    throw error;
  }
}

const LABELS: Readonly<Record<string, Structure>> = { "PRIVATE KEY": "pkcs8", "EC PRIVATE KEY": "sec1", "RSA PRIVATE KEY": "pkcs1" };

/** RFC 7468 strict form: one block, nothing but white space around it, no headers (so no legacy encryption). */
function decodePem(bytes: Uint8Array): { structure: Structure; der: Buffer } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const block = /^\s*-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]+)\s-----END \1-----\s*$/.exec(text);
  const [, label, body] = block ?? [];
  if (label === undefined || body === undefined) throw keyRefused("not exactly one PEM block without headers");
  const structure = Object.hasOwn(LABELS, label) ? LABELS[label] : undefined;
  if (structure === undefined) throw keyRefused("the PEM block is not an unencrypted private key");
  const decoded = attempt(() => Uint8Array.fromBase64(body));
  return { structure, der: Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength) };
}

/**
 * The DER behind "pkcs8" or "pem", on memory of its own (the caller wipes it), for keys that Node cannot parse.
 *
 * @throws {HsmError} INVALID_REQUEST   too long, or PEM of something else
 */
export function pkcs8Of(format: "pkcs8" | "pem", bytes: Uint8Array): Buffer {
  if (bytes.byteLength > MAX_KEY_BYTES) throw keyRefused(`longer than ${MAX_KEY_BYTES} bytes`);
  if (format === "pkcs8") return copySecret(bytes);
  const { structure, der } = decodePem(bytes);
  if (structure === "pkcs8") return der;
  wipe(der);
  throw keyRefused("the PEM block is not PKCS#8");
}

/** The value of `parse`, with whatever it throws replaced: OpenSSL's messages are not for callers. */
export function attempt<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw keyRefused("it cannot be parsed", { cause });
  }
}

/** The private key behind its stored form. @throws {HsmError} INTEGRITY_FAILURE unless `fits` it */
export function loadPrivateKey(material: Buffer, fits: (key: KeyObject) => boolean): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: material, format: "der", type: "pkcs8" });
  } catch (cause) {
    throw storedKeyUnreadable({ cause });
  }
  if (!fits(key)) throw storedKeyUnreadable();
  return key;
}

/** The stored form of a private key: PKCS#8 DER, on memory of its own; the caller wipes it. */
export const storePrivateKey = (key: KeyObject): Buffer => shortPkcs8(key) ?? key.export({ format: "der", type: "pkcs8" });
