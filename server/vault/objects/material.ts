/**
 * The records that hold key material, one for each version. Nowhere else is a key made of bytes, or bytes of a key.
 */
import { createHmac, type KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { Key } from "@keystead/crypto/composite-key";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { wipe } from "@keystead/crypto/wipe";
import type { RecordWrite } from "../stores/store.ts";
import type { MaterialAttributes } from "./attributes.ts";
import { stateForbids } from "./key-rules.ts";
import type { RecordKey } from "./record.ts";
import type { CurrentRecord, VaultedRecords } from "./vaulted-records.ts";

/**
 * The record of a version, its material in it; whoever asked for it wipes that.
 *
 * @throws {HsmError} INTEGRITY_FAILURE; KEY_STATE_FORBIDS when it was destroyed meanwhile
 */
export async function readMaterial(
  records: VaultedRecords,
  namespace: string,
  keyId: string,
  version: number,
  algorithm: AlgorithmName,
  kek: KeyObject,
): Promise<CurrentRecord<MaterialAttributes>> {
  const key: RecordKey = { namespace, kind: "version", id: keyId, version };
  const record = await records.read<MaterialAttributes>(key, kek);
  // Destroyed while the operation was under way: a refusal, not damage.
  if (record === undefined && records.anchor(key) === "") throw stateForbids(keyId, "destroyed");
  if (record === undefined || record.attributes.algorithm !== algorithm)
    throw new HsmError("INTEGRITY_FAILURE", `record ${namespace}/version/${keyId}/${version} does not fit its key`);
  return record;
}

/** The key that the material is. The material is wiped. @throws {HsmError} INTEGRITY_FAILURE */
export function loadMaterial(algorithm: AlgorithmName, material: Buffer): Key {
  try {
    return mechanismFor(algorithm).load(material);
  } finally {
    wipe(material);
  }
}

/** The stored form of a key. The caller wipes it. */
export const storedMaterial = (algorithm: AlgorithmName, key: Key): Buffer => mechanismFor(algorithm).store(key);

/** Bytes of a mark. */
const MARK_BYTES = 16;

/**
 * What tells whether material is the same, and nothing else of it, within one namespace of this vault.
 *
 * @param indexKey HMAC key of the vault's index
 */
export function materialMark(indexKey: KeyObject, namespace: string, algorithm: AlgorithmName, key: Key): string {
  const material = storedMaterial(algorithm, key);
  try {
    return createHmac("sha256", indexKey).update(`${namespace}\0material\0`).update(material).digest().toString("base64url", 0, MARK_BYTES);
  } finally {
    wipe(material);
  }
}

/** Prepares the record of a version. */
export function materialWrite(
  records: VaultedRecords,
  namespace: string,
  keyId: string,
  version: number,
  algorithm: AlgorithmName,
  key: Key,
  kek: KeyObject,
): RecordWrite {
  const material = storedMaterial(algorithm, key);
  try {
    return records.write({ namespace, kind: "version", id: keyId, version }, { algorithm }, material, kek, undefined);
  } finally {
    wipe(material);
  }
}

/** Prepares the removal of a version's record; nothing when it is gone already. */
export function removal(records: VaultedRecords, namespace: string, keyId: string, version: number): RecordWrite[] {
  const key: RecordKey = { namespace, kind: "version", id: keyId, version };
  const digest = records.anchor(key);
  return digest === undefined || digest === "" ? [] : [records.remove(key, digest)];
}
