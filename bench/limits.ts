/**
 * What one thread of this process can do of each kind of work: what a row of the end-to-end table is held against.
 *
 * Keys are made when a limit is first asked for, so that a run of one row makes no others.
 */
import {
  constants,
  createCipheriv,
  createSecretKey,
  generateKeyPairSync,
  randomFillSync,
  sign,
  type AsymmetricKeyType,
  type KeyObject,
} from "node:crypto";
import { limitNow, rate } from "./machine.ts";

/** Bytes of the large plaintext. */
export const LARGE_BYTES = 1024 * 1024;

const message = Buffer.alloc(100, 0x61);
const made = new Map<string, KeyObject>();

function once(name: string, make: () => KeyObject): KeyObject {
  const key = made.get(name) ?? make();
  made.set(name, key);
  return key;
}

const pair = (type: AsymmetricKeyType, options: object = {}): KeyObject =>
  once(type, () => generateKeyPairSync(type as "rsa", options as { modulusLength: number }).privateKey);

/** Operations per second, measured over so many milliseconds. */
export type Limit = (milliseconds: number) => number;

/** Limits by the name that plans give. */
export const LIMITS = Object.freeze({
  "Ed25519 sign": limitNow,
  "Ed25519 generate": (ms) => rate(() => generateKeyPairSync("ed25519"), ms),
  "RSA-2048 PSS sign": (ms) => {
    const key = pair("rsa", { modulusLength: 2048 });
    return rate(() => sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }), ms);
  },
  "ML-DSA-65 sign": (ms) => {
    const key = pair("ml-dsa-65" as AsymmetricKeyType);
    return rate(() => sign(null, message, key), ms);
  },
  "AES-256-GCM encrypt 1 MiB": (ms) => {
    const key = once("aes", () => createSecretKey(randomFillSync(Buffer.alloc(32))));
    const plaintext = Buffer.alloc(LARGE_BYTES, 1);
    return rate(() => {
      const cipher = createCipheriv("aes-256-gcm", key, randomFillSync(Buffer.allocUnsafe(12)));
      cipher.update(plaintext);
      cipher.final();
      cipher.getAuthTag();
    }, ms);
  },
} satisfies Record<string, Limit>);

export type LimitName = keyof typeof LIMITS;
