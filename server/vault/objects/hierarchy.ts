/**
 * The key hierarchy under the root key, and the vault header that seals the root key itself.
 *
 *      unseal secret (32 raw bytes, or passphrase by Argon2id) [+ second secret]
 *        └─ HKDF ─► seals the random root key in the vault header
 *             root key ─ HKDF ─► KEK           seals namespace KEKs, which seal key versions
 *                              ► record MAC key HMAC-SHA-384 over every stored record
 *                              ► audit MAC key  HMAC-SHA-256 over every audit event
 *                              ► index key     HMAC-SHA-256 over attribute values that stores file keys under
 *                              ► checkpoint key Ed25519 under checkpoints of the audit log: the root's for ever
 *
 * KEK and record MAC key come in generations, each from a salt of its own in the header: a rekey makes the next one, and
 * while records are moved to it the former one is kept. The header is authenticated by a key of the root, so a header
 * that was changed opens nothing.
 *
 * Derived keys live in KeyObjects; the buffers they came through are wiped here. Nothing in this file is exported in
 * a form that leaves the process.
 *
 * @see ARCHITECTURE.md "Data at rest"; RFC 5869; RFC 9106 (Argon2id)
 */
import {
  argon2Sync,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomUUID,
  timingSafeEqual,
} from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";

/** The vault header: what is needed, beside the unseal secret, to open the vault. Nothing in it is secret. */
export interface VaultHeader {
  /** 1 has none of `keys`, `former` and `mac`. */
  readonly format: 1 | 2;
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
  /** The generation that new records are under. */
  readonly keys?: KeyGeneration;
  /** The generation before, while a rekey is under way. */
  readonly former?: KeyGeneration;
  /** HMAC-SHA-384 over everything else (canonical JSON), base64. */
  readonly mac?: string;
}

/** One generation of KEK and record MAC key. */
export interface KeyGeneration {
  /** From 1. */
  readonly generation: number;
  /** HKDF salt, base64. */
  readonly salt: string;
}

/** The keys of one generation. */
export interface SealingKeys {
  readonly kek: KeyObject;
  readonly recordMacKey: KeyObject;
}

/** What the rest of the vault works with while it is open. */
export interface Hierarchy extends SealingKeys {
  readonly vaultId: string;
  readonly auditMacKey: KeyObject;
  /** The same for all generations: an index entry stays right when its record moves to new keys. */
  readonly indexKey: KeyObject;
  /** Keys that some records may still be under; undefined unless a rekey is under way. */
  readonly former?: SealingKeys | undefined;
}

/** The hierarchy of an open vault: a rekey exchanges its sealing keys while everybody holds on to it. */
export class OpenHierarchy implements Hierarchy {
  readonly vaultId: string;
  readonly auditMacKey: KeyObject;
  readonly indexKey: KeyObject;
  readonly headerMacKey: KeyObject;
  /** Ed25519. It is the root's like the audit key, so it survives restarts, restores and rekeys. */
  readonly checkpointKey: KeyObject;
  #generation: number;
  #keys: SealingKeys;
  #former: SealingKeys | undefined;

  constructor(
    vaultId: string,
    auditMacKey: KeyObject,
    indexKey: KeyObject,
    headerMacKey: KeyObject,
    checkpointKey: KeyObject,
    generation: number,
    keys: SealingKeys,
    former: SealingKeys | undefined,
  ) {
    this.vaultId = vaultId;
    this.auditMacKey = auditMacKey;
    this.indexKey = indexKey;
    this.headerMacKey = headerMacKey;
    this.checkpointKey = checkpointKey;
    this.#generation = generation;
    this.#keys = keys;
    this.#former = former;
  }

  get generation(): number {
    return this.#generation;
  }

  get kek(): KeyObject {
    return this.#keys.kek;
  }

  get recordMacKey(): KeyObject {
    return this.#keys.recordMacKey;
  }

  get former(): SealingKeys | undefined {
    return this.#former;
  }

  /** From now on records are made under these keys; those so far are under the former ones. */
  advance(keys: SealingKeys): void {
    this.#former = this.#keys;
    this.#keys = keys;
    this.#generation += 1;
  }

  /** No record is under the former keys any more. */
  forgetFormer(): void {
    this.#former = undefined;
  }
}

/** Every key that a record's MAC may be under. */
export const recordMacKeysOf = ({ recordMacKey, former }: Hierarchy): readonly KeyObject[] =>
  former === undefined ? [recordMacKey] : [recordMacKey, former.recordMacKey];

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

/** An Ed25519 key, its seed derived like any other key. */
function signingKey(from: Buffer, salt: Buffer, label: string): KeyObject {
  const seed = Buffer.from(hkdfSync("sha384", from, salt, `keystead/v1/${label}`, 32));
  try {
    return createPrivateKey({ key: seed, format: "raw-private", asymmetricKeyType: "ed25519" });
  } finally {
    wipe(seed);
  }
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

/** Generation 1 of a vault of format 1: its id is the salt. */
const firstKeys = (vaultId: string): KeyGeneration => ({ generation: 1, salt: Buffer.from(vaultId, "utf8").toString("base64") });

function sealingKeysOf(root: Buffer, { salt }: KeyGeneration): SealingKeys {
  const bytes = Buffer.from(salt, "base64");
  return { kek: derive(root, bytes, "kek", 32), recordMacKey: derive(root, bytes, "record-mac", 48) };
}

function hierarchyOf(root: Buffer, header: VaultHeader): OpenHierarchy {
  const { vaultId, keys = firstKeys(vaultId), former } = header;
  return new OpenHierarchy(
    vaultId,
    derive(root, Buffer.from(vaultId, "utf8"), "audit-mac", 32),
    derive(root, Buffer.from(vaultId, "utf8"), "attribute-index", 32),
    headerMacKeyOf(root, header),
    signingKey(root, Buffer.from(vaultId, "utf8"), "audit-checkpoint"),
    keys.generation,
    sealingKeysOf(root, keys),
    former === undefined ? undefined : sealingKeysOf(root, former),
  );
}

/** How the root is sealed: what a header says of the secret that opens it. */
function sealRoot(
  root: Buffer,
  vaultId: string,
  unseal: UnsealSecret,
): Pick<VaultHeader, "method" | "secondSecret" | "salt" | "argon2" | "sealedRoot"> {
  const salt = fillRandom(Buffer.alloc(32));
  const argon2 = unseal.method === "passphrase" ? ARGON2 : undefined;
  const nonce = fillRandom(Buffer.alloc(12));
  const cipher = createCipheriv("aes-256-gcm", sealingKey(unseal, salt, argon2), nonce);
  cipher.setAAD(Buffer.from(`keystead/v1/root/${vaultId}`, "utf8"));
  const sealed = Buffer.concat([nonce, cipher.update(root), cipher.final(), cipher.getAuthTag()]);
  return {
    method: unseal.method,
    secondSecret: unseal.second !== undefined,
    salt: salt.toString("base64"),
    ...(argon2 === undefined ? {} : { argon2 }),
    sealedRoot: sealed.toString("base64"),
  };
}

const headerMacKeyOf = (root: Buffer, { vaultId }: VaultHeader): KeyObject => derive(root, Buffer.from(vaultId, "utf8"), "header-mac", 48);

const headerMac = (key: KeyObject, { mac: _mac, ...rest }: VaultHeader): Buffer =>
  createHmac("sha384", key)
    .update(canonicalJson(rest as unknown as Json))
    .digest();

/** The header, complete, with its MAC. */
const authenticated = (key: KeyObject, header: VaultHeader): VaultHeader => ({ ...header, mac: headerMac(key, header).toString("base64") });

/** Makes a new root key and the header that seals it. The header must be stored before the hierarchy is used. */
export function createVault(unseal: UnsealSecret, now: Date): { header: VaultHeader; hierarchy: OpenHierarchy } {
  const root = secretBuffer(32);
  try {
    fillRandom(root);
    const vaultId = randomUUID();
    const bare: VaultHeader = {
      format: 2,
      vaultId,
      createdAt: now.toISOString(),
      ...sealRoot(root, vaultId, unseal),
      keys: { generation: 1, salt: fillRandom(Buffer.alloc(32)).toString("base64") },
    };
    const header = authenticated(headerMacKeyOf(root, bare), bare);
    return { header, hierarchy: hierarchyOf(root, header) };
  } finally {
    wipe(root, unseal.secret, unseal.second);
  }
}

/**
 * Opens a vault.
 *
 * @throws {HsmError} UNAUTHENTICATED when the secret does not open this header; one answer for every reason.
 * @throws {HsmError} INTEGRITY_FAILURE when it does and the header is not the one the vault made.
 */
export function openVault(header: VaultHeader, unseal: UnsealSecret): OpenHierarchy {
  const root = secretBuffer(32);
  try {
    openRoot(header, unseal, root);
    return hierarchyOf(root, header);
  } finally {
    wipe(root, unseal.secret, unseal.second);
  }
}

/**
 * The next generation of sealing keys. Nothing is stored here. With `next` the root is sealed under that secret from
 * then on. Both secrets are wiped.
 *
 * @throws {HsmError} as {@link openVault}; INVALID_REQUEST while a rekey is under way
 */
export function nextGeneration(
  header: VaultHeader,
  unseal: UnsealSecret,
  next: UnsealSecret | undefined,
): { header: VaultHeader; keys: SealingKeys } {
  const root = secretBuffer(32);
  try {
    openRoot(header, unseal, root);
    if (header.former !== undefined) throw new HsmError("INVALID_REQUEST", "the vault is being rekeyed already");
    const former = header.keys ?? firstKeys(header.vaultId);
    const keys: KeyGeneration = { generation: former.generation + 1, salt: fillRandom(Buffer.alloc(32)).toString("base64") };
    const { argon2, ...kept } = header;
    const sealing = next !== undefined ? sealRoot(root, header.vaultId, next) : argon2 === undefined ? {} : { argon2 };
    const begun = authenticated(headerMacKeyOf(root, header), { ...kept, format: 2, ...sealing, keys, former });
    return { header: begun, keys: sealingKeysOf(root, keys) };
  } finally {
    wipe(root, unseal.secret, unseal.second, next?.secret, next?.second);
  }
}

/** The header once no record is under the former keys. */
export function endedRekey({ former: _former, ...header }: VaultHeader, headerMacKey: KeyObject): VaultHeader {
  return authenticated(headerMacKey, header);
}

/** Puts the root key into `root`. */
function openRoot(header: VaultHeader, unseal: UnsealSecret, root: Buffer): void {
  if (header.secondSecret !== (unseal.second !== undefined)) throw unsealFailed();
  const sealed = Buffer.from(header.sealedRoot, "base64");
  if (sealed.length !== 60) throw unsealFailed();
  if (header.method !== unseal.method || (header.method === "key" && unseal.secret.length !== 32)) throw unsealFailed();
  let key: KeyObject;
  try {
    key = sealingKey(unseal, Buffer.from(header.salt, "base64"), header.argon2);
  } catch (error) {
    // Parameters that Argon2 does not take: no vault was made with them.
    throw new HsmError("INTEGRITY_FAILURE", "the vault header is damaged", { cause: error });
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
  if (header.mac === undefined) return;
  const mac = Buffer.from(header.mac, "base64");
  const wanted = headerMac(headerMacKeyOf(root, header), header);
  if (mac.length !== wanted.length || !timingSafeEqual(mac, wanted))
    throw new HsmError("INTEGRITY_FAILURE", "the vault header does not verify");
}

const within = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const isGeneration = (value: KeyGeneration | null | undefined): boolean =>
  value !== undefined && value !== null && within(value.generation, 1, 2 ** 31) && typeof value.salt === "string";

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
    (header.format === 1
      ? header.keys === undefined && header.former === undefined && header.mac === undefined
      : header.format === 2 &&
        typeof header.mac === "string" &&
        isGeneration(header.keys) &&
        (header.former === undefined || isGeneration(header.former))) &&
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
