/**
 * OpenSSL's MACs that are not HMAC, through Node's createMac, which Node's published types do not have yet.
 *
 * @see EVP_MAC(7), EVP_MAC-CMAC(7), EVP_MAC-KMAC(7)
 */
import * as crypto from "node:crypto";
import type { KeyObject } from "node:crypto";

interface MacOptions {
  /** CMAC: the block cipher. */
  readonly cipher?: string;
  /** KMAC: the customisation string S. */
  readonly customization?: Uint8Array;
  /** KMAC: length of the code in bytes. */
  readonly outputLength?: number;
}

interface Mac {
  update(data: Uint8Array): Mac;
  final(): Buffer;
}

const { createMac } = crypto as unknown as { createMac(algorithm: string, key: KeyObject, options: MacOptions): Mac };

/** The code over `data`, whole. */
export const opensslMac = (algorithm: "CMAC" | "KMAC128" | "KMAC256", key: KeyObject, data: Uint8Array, options: MacOptions): Buffer =>
  createMac(algorithm, key, options).update(data).final();
