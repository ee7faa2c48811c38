/**
 * The kinds of request that are measured: what each asks, what its first reply must be, and which limit it is held
 * against.
 */
import { randomBytes, type KeyObject } from "node:crypto";
import { LARGE_BYTES, type LimitName } from "./limits.ts";
import { batchRequest, generateKeyRequest, useKeyRequest, type Expectation } from "./wire.ts";

export type WorkName = "sign" | "batch" | "encrypt" | "encryptLarge" | "signRsa" | "signMlDsa" | "generate" | "generateRsa";

export interface Work {
  readonly method: string;
  /** The protobuf message. */
  readonly message: Buffer;
  /** The same over REST: the rest of the path behind `/api/v1/keys/`, and the body. */
  readonly rest?: { readonly path: string; readonly body: object };
  readonly expected: Expectation;
}

/** Keys that must be there, by id, with their algorithm. */
export const BENCH_KEYS = Object.freeze({
  "bench-ed25519": "Ed25519",
  "bench-rsa2048": "RSA-2048",
  "bench-ml-dsa-65": "ML-DSA-65",
  "bench-aes256": "AES-256-GCM",
} as const);

/** What one thread could do of each. A small request is limited by what it costs to be one, so Ed25519 stands for it. */
export const LIMIT_OF: Readonly<Record<WorkName, LimitName>> = Object.freeze({
  sign: "Ed25519 sign",
  batch: "Ed25519 sign",
  encrypt: "Ed25519 sign",
  encryptLarge: "AES-256-GCM encrypt 1 MiB",
  signRsa: "RSA-2048 PSS sign",
  signMlDsa: "ML-DSA-65 sign",
  generate: "Ed25519 generate",
  generateRsa: "Ed25519 generate",
});

const BATCH = 100;
/** Operations of one request, where it is not one. */
export const WEIGHT_OF: Readonly<Partial<Record<WorkName, number>>> = Object.freeze({ batch: BATCH });

const DATA = Buffer.alloc(100, 0x61);
const SMALL_BYTES = 1024;
/** Algorithm numbers of proto/hsm/hsm.proto. */
const ALGORITHM = { ed25519: 1, rsa4096: 7 } as const;

/** Every kind of request, for these public keys. */
export function worksOf(keys: { readonly ed25519: KeyObject; readonly rsa: KeyObject; readonly mlDsa: KeyObject }): Record<WorkName, Work> {
  const small = randomBytes(SMALL_BYTES);
  const sign = useKeyRequest("bench-ed25519", DATA);
  const signature = (publicKey: KeyObject): Expectation => ({ kind: "signature", publicKey, data: DATA });
  return {
    sign: {
      method: "Sign",
      message: sign,
      rest: { path: "bench-ed25519/sign", body: { data: DATA.toString("base64") } },
      expected: signature(keys.ed25519),
    },
    batch: {
      method: "Batch",
      message: batchRequest(sign, BATCH),
      expected: { kind: "signatures", publicKey: keys.ed25519, data: DATA, count: BATCH },
    },
    encrypt: {
      method: "Encrypt",
      message: useKeyRequest("bench-aes256", small),
      rest: { path: "bench-aes256/encrypt", body: { plaintext: small.toString("base64") } },
      expected: { kind: "ciphertext", bytes: SMALL_BYTES },
    },
    encryptLarge: {
      method: "Encrypt",
      message: useKeyRequest("bench-aes256", randomBytes(LARGE_BYTES)),
      expected: { kind: "ciphertext", bytes: LARGE_BYTES },
    },
    signRsa: { method: "Sign", message: useKeyRequest("bench-rsa2048", DATA), expected: signature(keys.rsa) },
    signMlDsa: { method: "Sign", message: useKeyRequest("bench-ml-dsa-65", DATA), expected: signature(keys.mlDsa) },
    generate: { method: "GenerateKey", message: generateKeyRequest(ALGORITHM.ed25519), expected: { kind: "key" } },
    generateRsa: { method: "GenerateKey", message: generateKeyRequest(ALGORITHM.rsa4096), expected: { kind: "key" } },
  };
}
