/**
 * The Ed25519 key that `keystead token mint` signs with, and the public key set the vault verifies by. The set may be
 * extended by hand; a key that is missing from it is added and nothing else in it is changed.
 *
 * @see RFC 7517 (JWK set), RFC 7638 (thumbprint as kid), RFC 8037 (Ed25519)
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { HsmError } from "@keystead/contract/errors";
import { createFile, readIfPresent, replaceFile } from "./durable-file.ts";

interface KeySet {
  readonly keys: readonly { readonly kid?: string }[];
}

/** Makes the private key unless it is there, and its public half a member of the set. */
export async function ensureTokenKey(keyPath: string, keySetPath: string): Promise<void> {
  if (readIfPresent(keyPath) === undefined)
    createFile(keyPath, generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }));
  const jwk = createPublicKey(createPrivateKey(readIfPresent(keyPath) ?? "")).export({ format: "jwk" });
  const kid = await calculateJwkThumbprint(jwk as { kty: string; crv: string; x: string });
  const text = readIfPresent(keySetPath) ?? '{"keys":[]}';
  let set: KeySet;
  try {
    set = JSON.parse(text) as KeySet;
  } catch {
    throw new HsmError("INVALID_REQUEST", `${keySetPath} is not a JWKS file; correct or remove it`);
  }
  if (set.keys.some((member) => member.kid === kid)) return;
  const member = { ...jwk, kid, alg: "EdDSA", use: "sig" };
  replaceFile(keySetPath, `${JSON.stringify({ ...set, keys: [...set.keys, member] }, null, 2)}\n`);
}
