/**
 * The vault's signature under statements about itself, such as a policy: an Ed25519 key that is made with the first
 * statement and lies sealed beside it as the material of a document. It signs statements and nothing else, and leaves
 * this file only as a signature.
 *
 * @see RFC 8032
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";
import type { Documents, DocumentName, DocumentWrite } from "./documents.ts";

/** Where the key lies: the seed is the document's material. */
export const STATEMENT_KEY: DocumentName = Object.freeze({ kind: "policy", id: "statement-key" });
const SEED_BYTES = 32;

interface StoredKey {
  /** Raw Ed25519 public key, base64. */
  readonly publicKey: string;
}

/** A statement with its signature. */
export interface SignedStatement {
  readonly signature: Buffer;
  /** Raw Ed25519 public key. */
  readonly publicKey: Buffer;
  /** What makes the key, when this is its first statement: part of the same change. */
  readonly writes: readonly DocumentWrite[];
}

/**
 * Signs the UTF-8 bytes of a statement. The caller holds {@link STATEMENT_KEY} in its change and writes `writes` with it.
 *
 * @param made the key's seed, when the same change made it and it is not stored yet; not kept, and nothing is written for it
 * @throws {HsmError} INTEGRITY_FAILURE
 */
export async function signStatement(documents: Documents, statement: string, made?: Uint8Array): Promise<SignedStatement> {
  const known = documents.get<StoredKey>(STATEMENT_KEY.kind, STATEMENT_KEY.id);
  const fresh = known === undefined && made === undefined;
  const seed =
    made !== undefined ? copied(made) : fresh ? secretBuffer(SEED_BYTES) : await documents.material(STATEMENT_KEY.kind, STATEMENT_KEY.id);
  try {
    if (fresh) fillRandom(seed);
    const key = createPrivateKey({ key: seed, format: "raw-private", asymmetricKeyType: "ed25519" });
    const publicKey = createPublicKey(key).export({ format: "raw-public" });
    const signature = sign(null, Buffer.from(statement, "utf8"), key);
    const value: StoredKey = { publicKey: publicKey.toString("base64") };
    // Copied: the seed here is wiped before the change is made of it.
    const writes = fresh ? [{ ...STATEMENT_KEY, value, material: copied(seed) }] : [];
    return { signature, publicKey, writes };
  } finally {
    wipe(seed);
  }
}

function copied(seed: Uint8Array): Buffer {
  const copy = secretBuffer(seed.length);
  copy.set(seed);
  return copy;
}

/** Verifies statements by the vault's own key. @throws {HsmError} INTEGRITY_FAILURE when there is none */
export function statementVerifier(documents: Documents): (statement: string, signature: Uint8Array) => boolean {
  const known = documents.get<StoredKey>(STATEMENT_KEY.kind, STATEMENT_KEY.id);
  if (known === undefined) throw new HsmError("INTEGRITY_FAILURE", "there are signed statements and no key to verify them");
  const key: KeyObject = createPublicKey({
    key: Buffer.from(known.value.publicKey, "base64"),
    format: "raw-public",
    asymmetricKeyType: "ed25519",
  });
  return (statement, signature) => verify(null, Buffer.from(statement, "utf8"), key, signature);
}
