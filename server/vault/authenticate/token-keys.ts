/**
 * The keys that sign access tokens: Ed25519, made in the vault, sealed like everything it keeps, changed every day.
 *
 * The one before stays until no token of its own can be good, so that a change is noticed by nobody. A private key is
 * read for each signature and wiped after it. Which key verifies a token is looked up by its `kid` here and nowhere else:
 * an unknown one fetches nothing.
 *
 * @see RFC 8037 (Ed25519 in JOSE), RFC 7517
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";
import type { Documents } from "../objects/documents.ts";

interface TokenKeyRecord {
  /** The public half, base64url. */
  readonly x: string;
  readonly createdAt: number;
}

/** A public key as RFC 8037 writes it. */
export interface PublicTokenKey {
  readonly kid: string;
  readonly x: string;
}

const DAY_MS = 86_400_000;
/** The seed is what follows these bytes in the PKCS#8 form of an Ed25519 key (RFC 8410 §7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;

export class TokenKeys {
  readonly #documents: Documents;
  readonly #now: () => number;
  readonly #verifying = new Map<string, KeyObject>();
  #making: Promise<string> | undefined;

  constructor(documents: Documents, now: () => number) {
    this.#documents = documents;
    this.#now = now;
  }

  /** Every key that verifies, the newest first. */
  all(): readonly PublicTokenKey[] {
    return this.#documents
      .list<TokenKeyRecord>("token-key")
      .sort((a, b) => b.value.createdAt - a.value.createdAt)
      .map(({ id, value }) => ({ kid: id, x: value.x }));
  }

  /** The public half, or undefined for a `kid` that is none of ours. */
  verifying(kid: string): KeyObject | undefined {
    const document = this.#documents.get<TokenKeyRecord>("token-key", kid);
    if (document === undefined) return undefined;
    let key = this.#verifying.get(kid);
    if (key === undefined) {
      key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: document.value.x }, format: "jwk" });
      this.#verifying.set(kid, key);
    }
    return key;
  }

  /** Signs with the key of today, which is made when there is none. */
  async sign<T>(use: (kid: string, key: KeyObject) => Promise<T>): Promise<T> {
    const kid = await this.#current();
    const seed = await this.#documents.material("token-key", kid);
    const der = secretBuffer(PKCS8_HEAD.length + SEED_BYTES);
    try {
      der.set(PKCS8_HEAD);
      der.set(seed, PKCS8_HEAD.length);
      return await use(kid, createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
    } finally {
      wipe(seed, der);
    }
  }

  async #current(): Promise<string> {
    const [newest] = this.#documents.list<TokenKeyRecord>("token-key").sort((a, b) => b.value.createdAt - a.value.createdAt);
    if (newest !== undefined && this.#now() - newest.value.createdAt < DAY_MS) return newest.id;
    this.#making ??= this.#make().finally(() => (this.#making = undefined));
    return this.#making;
  }

  async #make(): Promise<string> {
    const now = this.#now();
    const id = fillRandom(Buffer.alloc(12)).toString("base64url");
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const der = privateKey.export({ format: "der", type: "pkcs8" });
    const seed = der.subarray(PKCS8_HEAD.length);
    // The newest of those before may have signed a moment ago; the others cannot have for a day, longer than any token lives.
    const before = this.all().slice(1);
    const about = [id, ...before.map(({ kid }) => kid)].map((each) => ({ kind: "token-key" as const, id: each }));
    const record: TokenKeyRecord = { x: publicKey.export({ format: "jwk" }).x as string, createdAt: now };
    try {
      await this.#documents.record("RotateTokenKey", about, () => [
        { kind: "token-key", id, value: record, material: seed },
        ...before.map(({ kid }) => ({ kind: "token-key" as const, id: kid, value: undefined })),
      ]);
    } finally {
      wipe(der);
    }
    for (const { kid } of before) this.#verifying.delete(kid);
    return id;
  }
}
