/**
 * The key hierarchy under the root key, and the vault header that seals the root key itself.
 *
 *      unseal secret (32 raw bytes, or passphrase by Argon2id) [+ second secret]
 *        └─ HKDF ─► seals the random root key in the vault header
 *             root key ─ HKDF ─► KEK           seals namespace KEKs, which seal key versions
 *                              ► record MAC key HMAC-SHA-384 over every stored record
 *                              ► audit MAC key  HMAC-SHA-256 over every audit event
 *
 * Derived keys live in KeyObjects; the buffers they came through are wiped here. Nothing in this file is exported in
 * a form that leaves the process.
 *
 * @see ARCHITECTURE.md "Data at rest"; RFC 5869; RFC 9106 (Argon2id)
 */
import { argon2Sync, createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomUUID, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";

/** The vault header: what is needed, beside the unseal secret, to open the vault. Nothing in it is secret. */
export interface VaultHeader {
  readonly format: 1;
  readonly vaultId: string;
  readonly createdAt: string;
  readonly method: "key" | "passphrase";
  /** True when a second secret was mixed in; then it is needed again. */
  readonly secondSecret: boolean;
  readonly salt: string;
  /** Argon2id parameters (RFC 9106 §4), only for passphrases. */
  readonly argon2?: { readonly memoryKiB: number; readonly passes: number; readonly parallelism: number };
  /** base64 of nonce (12) ‖ ciphertext (32) ‖ tag (16). */
  readonly sealedRoot: string;
}

/** What the rest of the vault works with while it is open. */
export interface Hierarchy {
  readonly vaultId: string;
  readonly kek: KeyObject;
  readonly recordMacKey: KeyObject;
  readonly auditMacKey: KeyObject;
}

/** The operator's secrets. Wiped by {@link createVault} and {@link openVault}, whatever happens. */
export interface UnsealSecret {
  readonly method: "key" | "passphrase";
  readonly secret: Buffer;
  readonly second: Buffer | undefined;
}

/** 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106 §4. */
const ARGON2 = Object.freeze({ memoryKiB: 64 * 1024, passes: 3, parallelism: 4 });

const unsealFailed = (): HsmError => new HsmError("UNAUTHENTICATED", "the vault cannot be opened with this secret");

function derive(from: KeyObject | Buffer, salt: Buffer, label: string, bytes: number): KeyObject {
  const derived = Buffer.from(hkdfSync("sha384", from, salt, `keystead/v1/${label}`, bytes));
  const key = createSecretKey(derived);
  wipe(derived);
  return key;
}

function sealingKey(unseal: UnsealSecret, salt: Buffer, argon2: VaultHeader["argon2"]): KeyObject {
  let stretched: Buffer;
  if (unseal.method === "passphrase") {
    const parameters = argon2 ?? ARGON2;
    stretched = argon2Sync("argon2id", {
      message: unseal.secret,
      nonce: salt,
      memory: parameters.memoryKiB,
      passes: parameters.passes,
      parallelism: parameters.parallelism,
      tagLength: 32,
    });
  } else {
    if (unseal.secret.length !== 32) throw new HsmError("INVALID_REQUEST", "the master key must be exactly 32 bytes");
    stretched = secretBuffer(32);
    unseal.secret.copy(stretched);
  }
  const second = unseal.second ?? Buffer.alloc(0);
  const material = secretBuffer(stretched.length + second.length);
  stretched.copy(material);
  second.copy(material, stretched.length);
  const key = derive(material, salt, unseal.second === undefined ? "unseal" : "unseal-with-second-secret", 32);
  wipe(stretched, material);
  return key;
}

function hierarchyOf(root: Buffer, vaultId: string): Hierarchy {
  const salt = Buffer.from(vaultId, "utf8");
  return {
    vaultId,
    kek: derive(root, salt, "kek", 32),
    recordMacKey: derive(root, salt, "record-mac", 48),
    auditMacKey: derive(root, salt, "audit-mac", 32),
  };
}

/** Makes a new root key and the header that seals it. The header must be stored before the hierarchy is used. */
export function createVault(unseal: UnsealSecret, now: Date): { header: VaultHeader; hierarchy: Hierarchy } {
  const root = secretBuffer(32);
  try {
    fillRandom(root);
    const vaultId = randomUUID();
    const salt = fillRandom(Buffer.alloc(32));
    const argon2 = unseal.method === "passphrase" ? ARGON2 : undefined;
    const key = sealingKey(unseal, salt, argon2);
    const nonce = fillRandom(Buffer.alloc(12));
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    cipher.setAAD(Buffer.from(`keystead/v1/root/${vaultId}`, "utf8"));
    const sealed = Buffer.concat([nonce, cipher.update(root), cipher.final(), cipher.getAuthTag()]);
    const header: VaultHeader = {
      format: 1,
      vaultId,
      createdAt: now.toISOString(),
      method: unseal.method,
      secondSecret: unseal.second !== undefined,
      salt: salt.toString("base64"),
      ...(argon2 === undefined ? {} : { argon2 }),
      sealedRoot: sealed.toString("base64"),
    };
    return { header, hierarchy: hierarchyOf(root, vaultId) };
  } finally {
    wipe(root, unseal.secret, unseal.second);
  }
}

/**
 * Opens a vault.
 *
 * @throws {HsmError} UNAUTHENTICATED when the secret does not open this header; one answer for every reason.
 */
export function openVault(header: VaultHeader, unseal: UnsealSecret): Hierarchy {
  const root = secretBuffer(32);
  try {
    if (header.secondSecret !== (unseal.second !== undefined)) throw unsealFailed();
    const sealed = Buffer.from(header.sealedRoot, "base64");
    if (sealed.length !== 60) throw unsealFailed();
    if (header.method !== unseal.method || (header.method === "key" && unseal.secret.length !== 32)) throw unsealFailed();
    let key: KeyObject;
    try {
      key = sealingKey(unseal, Buffer.from(header.salt, "base64"), header.argon2);
    } catch (error) {
      // Parameters that Argon2 does not take: no vault was made with them.
      throw new HsmError("INTEGRITY_FAILURE", "vault.json is damaged", { cause: error });
    }
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
    decipher.setAAD(Buffer.from(`keystead/v1/root/${header.vaultId}`, "utf8"));
    decipher.setAuthTag(sealed.subarray(44));
    const opened = decipher.update(sealed.subarray(12, 44));
    opened.copy(root);
    wipe(opened);
    try {
      decipher.final();
    } catch {
      throw unsealFailed();
    }
    return hierarchyOf(root, header.vaultId);
  } finally {
    wipe(root, unseal.secret, unseal.second);
  }
}

const within = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** A header read from the store, checked for shape. @throws {HsmError} INTEGRITY_FAILURE */
export function parseHeader(text: string): VaultHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const header = value as VaultHeader | undefined;
  const argon2 = header?.argon2;
  const fits =
    header !== undefined &&
    header !== null &&
    header.format === 1 &&
    typeof header.vaultId === "string" &&
    typeof header.salt === "string" &&
    typeof header.sealedRoot === "string" &&
    typeof header.secondSecret === "boolean" &&
    (header.method === "key" || header.method === "passphrase") &&
    (argon2 === undefined ||
      (argon2 !== null && within(argon2.memoryKiB, 8, 1024 * 1024) && within(argon2.passes, 1, 64) && within(argon2.parallelism, 1, 16)));
  if (!fits) throw new HsmError("INTEGRITY_FAILURE", "the vault header is damaged");
  return header;
}
