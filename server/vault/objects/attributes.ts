/**
 * What the sealed part of each kind of record says. The attributes of a key are never outside a sealed record.
 *
 * Members that came later are missing in records written before; {@link currentKeyAttributes} gives them the value
 * that was meant when nobody could say otherwise.
 */
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";
import type { KeyStateName, RevocationReason } from "@keystead/contract/lifecycle";

import type { Gone } from "./shredding.ts";
import type { Used } from "./used.ts";

export type { KeyStateName } from "@keystead/contract/lifecycle";

/**
 * Whether the material may leave the vault: never, encrypted under another key, or also in plain. Chosen when the key is
 * made and never made looser (CKA_EXTRACTABLE is "not never", CKA_SENSITIVE is "not plain").
 */
export type ExportPolicy = "never" | "wrapped" | "plain";

/** How and why something was revoked. Times are milliseconds since the epoch. */
export interface RevocationFacts {
  readonly reason: RevocationReason;
  readonly time: number;
  /** Only for a compromise. */
  readonly compromiseDate?: number;
  readonly comment: string;
}

/** A destruction that waits for its time. */
export interface ScheduledPurge {
  /** 0 while it needs approval. */
  readonly at: number;
  /** It is not due before somebody has confirmed it. */
  readonly needsApproval?: true;
  /** Who has. */
  readonly approvedBy?: string;
  readonly reason?: string;
  /** The state to return to when it is cancelled. */
  readonly before: KeyStateName;
}

/** When a key is rotated by itself, and what becomes of older versions. Times are in milliseconds. */
export interface RotationRules {
  readonly interval: number;
  readonly overlap: number;
  readonly maxVersions: number;
  readonly notice: number;
  readonly revokeAfterOverlap: boolean;
}

/** The end of a key that somebody approved, for the retention ledger. */
export interface DestructionFacts {
  readonly reason: string;
  readonly approvedBy: string;
  readonly destroyedAt: number;
}

export interface VersionAttributes {
  readonly version: number;
  /** The current version's is `active` for as long as it is current: what counts then is the key's. */
  readonly state: KeyStateName;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Made in this vault, not imported (CKA_LOCAL). */
  readonly local: boolean;
  /** SubjectPublicKeyInfo DER of the public half, base64; empty for secret keys and destroyed versions. */
  readonly publicKey: string;
  /** From then on it makes nothing new. */
  readonly expiresAt?: number;
  readonly rotationReason?: string;
  readonly complianceRequirement?: string;
  /** The version whose material this is a copy of. */
  readonly promotedFrom?: number;
  /** What it was derived, agreed on, encapsulated or decapsulated with, or copied from: `id@vN`. */
  readonly derivedFrom?: string;
  /** Keyed hash of the material, of keys that may leave (material.ts): what comes back wrapped is recognised by it. */
  readonly mark?: string;
  /** When it ceased to be current. */
  readonly deactivatedAt?: number;
  readonly revocation?: RevocationFacts;
  readonly purge?: ScheduledPurge;
}

/** Record kind "key": everything about a key but its material. */
export interface KeyAttributes {
  readonly algorithm: AlgorithmName;
  /** Bytes of a secret key of every version, where they are not the algorithm's usual ones. */
  readonly sizeBytes?: number;
  readonly state: KeyStateName;
  /** Number of the current version. */
  readonly current: number;
  readonly usage: readonly Usage[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly versions: readonly VersionAttributes[];
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly objectId: string;
  readonly exportable: ExportPolicy;
  readonly alwaysSensitive: boolean;
  readonly neverExtractable: boolean;
  readonly modifiable: boolean;
  /** Keys that leave only under trusted keys may leave under it; false when left out. */
  readonly trusted?: boolean;
  /** False when left out. */
  readonly wrapWithTrusted?: boolean;
  /** True when left out. */
  readonly copyable?: boolean;
  /** True when left out. */
  readonly destroyable?: boolean;
  /** Each use of its private half needs a login of its own; false when left out. */
  readonly alwaysAuthenticate?: boolean;
  /** CKA_SUBJECT, hexadecimal; none when left out. */
  readonly subject?: string;
  /** The only ways it may be used, by canonical name; left out = every one it has. */
  readonly allowedMechanisms?: readonly string[];
  /** When it became, or by itself becomes, active. */
  readonly startDate?: number;
  /** From then on it makes nothing new. */
  readonly endDate?: number;
  /** The most uses that make something new, over all versions; and the most bytes they may be given. */
  readonly maxUses?: number;
  readonly maxBytes?: number;
  /** What is known of its uses; of a limited key, with the whole of the block that was last reserved. */
  readonly used?: Used;
  readonly rotation?: RotationRules;
  /** How the key ended, when the server had asked for it and somebody approved. */
  readonly destruction?: DestructionFacts;
  readonly revocation?: RevocationFacts;
  readonly purge?: ScheduledPurge;
}

/** Members that the first records did not have. */
type LaterMembers = "label" | "objectId" | "exportable" | "alwaysSensitive" | "neverExtractable" | "modifiable";

/** The record as it was sealed, whenever that was. */
export type StoredKeyAttributes = Omit<KeyAttributes, LaterMembers> & Partial<Pick<KeyAttributes, LaterMembers>>;

/** A key's attributes as this version knows them. Before `exportable` was written nothing could leave the vault. */
export function currentKeyAttributes(stored: StoredKeyAttributes): KeyAttributes {
  if (stored.modifiable !== undefined) return stored as KeyAttributes;
  const local = stored.versions.every((version) => version.local);
  const exportable = stored.exportable ?? "never";
  return {
    ...stored,
    exportable,
    label: "",
    objectId: "",
    alwaysSensitive: local && exportable !== "plain",
    neverExtractable: local && exportable === "never",
    modifiable: true,
  };
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
  /** Sessions at once that name it; 0 or left out = no limit. */
  readonly maxSessions?: number;
  /** Client addresses and ranges that may use it; empty or left out = all. */
  readonly allowedIps?: readonly string[];
  /** Those that may not. */
  readonly deniedIps?: readonly string[];
  /** A rate of its own. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Nothing in it is used until somebody resumes it. */
  readonly suspension?: NamespaceStop;
  /** Everything in it will be destroyed; until then nothing is used. */
  readonly deletion?: NamespaceDeletion;
}

/** A deletion that waits for its time, or is under way. */
export interface NamespaceDeletion extends NamespaceStop {
  /** When it is due. */
  readonly at: number;
  /** What is destroyed so far: then it cannot be taken back. */
  readonly gone?: Gone;
}

/** Why nothing in a namespace is used. */
export interface NamespaceStop {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** The principal who asked for it. */
  readonly by: string;
  readonly reason: string;
}
