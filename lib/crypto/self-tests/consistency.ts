/**
 * The pair-wise consistency test: a new key must do with one half what the other half accepts.
 *
 * Made for every key this vault generates, before anybody can have it. A key that fails is a sign of a broken machine,
 * not of bad luck: the caller stops working.
 *
 * @see FIPS 140-3 IG 10.3.A (pair-wise consistency tests)
 */
import { CompositeKey, type Key } from "../composite-key.ts";
import { publicHalf } from "../formats/public-key.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { same } from "./known-answer.ts";

const MESSAGE = Buffer.from("keystead pair-wise consistency test", "ascii");

/**
 * Whether `key`, fresh from `mechanism.generate()`, is consistent. Never throws. Signatures run on the thread pool, cheap
 * ones too: made and checked, one takes four times as long as the key did.
 */
export async function consistent(mechanism: Mechanism<Key>, key: Key): Promise<boolean> {
  const checks = [
    ...(mechanism.signer === undefined ? [] : [signs]),
    ...(mechanism.cipher === undefined ? [] : [encrypts]),
    ...(mechanism.macer === undefined ? [] : [macs]),
    ...(mechanism.kem === undefined ? [] : [encapsulates]),
    ...(mechanism.wrapper === undefined ? [] : [wraps]),
    ...(mechanism.agreer === undefined ? [] : [agrees]),
    ...(mechanism.deriver === undefined ? [] : [derives]),
  ];
  try {
    for (const check of checks) if (!(await check(mechanism, key))) return false;
    return checks.length > 0;
  } catch {
    return false;
  }
}

async function signs({ signer }: Mechanism<Key>, key: Key): Promise<boolean> {
  if (signer === undefined) return false;
  const publicKey = publicHalf(key);
  return signer.verifyPooled(publicKey, MESSAGE, await signer.signPooled(key, MESSAGE, {}), {});
}

async function encrypts({ cipher }: Mechanism<Key>, key: Key): Promise<boolean> {
  if (cipher === undefined) return false;
  const sealed = cipher.encrypt(key.type === "secret" ? key : publicHalf(key), MESSAGE, {});
  const opened = cipher.cost === "inline" ? cipher.decrypt(key, sealed, {}) : await cipher.decryptPooled(key, sealed, {});
  try {
    // The ciphertext must not show the plaintext either.
    return same(opened, MESSAGE) && sealed.ciphertext.indexOf(MESSAGE) === -1;
  } finally {
    wipe(opened);
  }
}

async function macs({ macer }: Mechanism<Key>, key: Key): Promise<boolean> {
  if (macer === undefined) return false;
  const { mac, nonce } = macer.mac(key, MESSAGE, {});
  return macer.verify(key, MESSAGE, mac, nonce.byteLength === 0 ? {} : { nonce });
}

async function encapsulates({ kem }: Mechanism<Key>, key: Key): Promise<boolean> {
  if (kem === undefined) return false;
  const { ciphertext, secret } = kem.encapsulate(publicHalf(key));
  const again = kem.decapsulate(key, ciphertext);
  try {
    return same(secret, again);
  } finally {
    wipe(secret, again);
  }
}

async function wraps({ wrapper }: Mechanism<Key>, key: Key): Promise<boolean> {
  if (wrapper === undefined) return false;
  // Whole blocks, so that AES-KW takes it.
  const material = MESSAGE.subarray(0, 32);
  const unwrapped = wrapper.unwrap(key, wrapper.wrap(key.type === "secret" ? key : publicHalf(key), material, {}), {});
  try {
    return same(unwrapped, material);
  } finally {
    wipe(unwrapped);
  }
}

/** Agreeing with the base point gives one's own public key again. */
async function agrees({ agreer }: Mechanism<Key>, key: Key): Promise<boolean> {
  const publicKey = publicHalf(key);
  if (agreer === undefined || publicKey instanceof CompositeKey) return false;
  const raw = publicKey.export({ format: "raw-public" });
  // A point is 0x04 || x || y; on the Montgomery curves the public key is the coordinate itself.
  const own = raw.byteLength === agreer.base.byteLength && raw.byteLength % 2 === 0 ? raw : raw.subarray(1, 1 + (raw.byteLength >> 1));
  return same(agreer.agree(key, agreer.peer(agreer.base)), own);
}

/** What derivations get is what is stored. */
async function derives(mechanism: Mechanism<Key>, key: Key): Promise<boolean> {
  const { deriver } = mechanism;
  if (deriver === undefined) return false;
  const [secret, stored] = [deriver.secretOf(key), mechanism.store(key)];
  try {
    return same(secret, stored) && secret.some((byte) => byte !== 0);
  } finally {
    wipe(secret, stored);
  }
}
