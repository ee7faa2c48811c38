/**
 * What the sealed part of each kind of record says. The attributes of a key are never outside a sealed record.
 */
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";

/** Lifecycle states this version reaches (NIST SP 800-57 Part 1 Rev. 5 §7). */
export type KeyStateName = "active" | "deactivated" | "destroyed";

/**
 * Whether the material may leave the vault: never, encrypted under another key, or also in plain. Chosen when the key is
 * made and never made looser (CKA_EXTRACTABLE is "not never", CKA_SENSITIVE is "not plain").
 */
export type ExportPolicy = "never" | "wrapped" | "plain";

export interface VersionAttributes {
  readonly version: number;
  readonly state: KeyStateName;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Made in this vault, not imported (CKA_LOCAL). */
  readonly local: boolean;
  /** SubjectPublicKeyInfo DER of the public half, base64; empty for secret keys and destroyed versions. */
  readonly publicKey: string;
}

/** Record kind "key": everything about a key but its material. */
export interface KeyAttributes {
  readonly algorithm: AlgorithmName;
  readonly state: KeyStateName;
  /** Number of the current version. */
  readonly current: number;
  readonly usage: readonly Usage[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly versions: readonly VersionAttributes[];
  /** Missing in records of before it existed: "never". */
  readonly exportable?: ExportPolicy;
}

/** Record kind "version": the material's own description; the material follows it in the sealed part. */
export interface MaterialAttributes {
  readonly algorithm: AlgorithmName;
}

/** Record kind "namespace"; its material is the namespace's key-encryption key. */
export interface NamespaceAttributes {
  readonly description: string;
  readonly createdAt: number;
  /** 0 = no limit. */
  readonly maxKeys: number;
}
