/**
 * What goes in and out of the room of objects: keys opened, leaving, described, new and prepared.
 */
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";
import type { Key } from "@keystead/crypto/composite-key";
import type { Mechanism } from "@keystead/crypto/mechanism";
import type { ExportPolicy, KeyAttributes, NamespaceAttributes, RotationRules, VersionAttributes } from "./attributes.ts";
import type { Change } from "./change.ts";
import type { Used } from "./used.ts";

/** A key opened for one operation. */
export interface OpenKey {
  readonly keyId: string;
  readonly algorithm: AlgorithmName;
  readonly version: number;
  readonly mechanism: Mechanism<Key>;
  /** Private or secret key. Only providers/ may use it, only until the operation ends. */
  readonly key: Key;
  /** The public half; undefined for secret keys. */
  readonly publicKey: Key | undefined;
  /** The only ways it may be used; left out = every one it has. providers/ holds to it. */
  readonly allowed?: readonly string[];
}

/** A key whose material leaves. */
export interface LeavingKey {
  readonly algorithm: AlgorithmName;
  readonly version: number;
  /** The stored form of the key ({@link Mechanism.store}). Whoever asked for it wipes it. */
  readonly material: Buffer;
}

/** A key as metadata. */
export interface DescribedKey {
  readonly namespace: string;
  readonly keyId: string;
  readonly attributes: KeyAttributes;
  /** When it was looked at: what its dates are compared with. */
  readonly asOf: number;
  /** What it was used for so far. */
  readonly used: Used;
  /** It is in memory alone. */
  readonly sessionKey?: boolean;
}

export interface DescribedNamespace {
  readonly namespace: string;
  readonly attributes: NamespaceAttributes;
}

/** What a new key is made of. */
export interface NewKey {
  readonly namespace: string;
  readonly keyId: string;
  readonly algorithm: AlgorithmName;
  readonly usage: readonly Usage[];
  readonly tags: readonly string[];
  readonly description: string;
  /** "never" when left out. */
  readonly exportable?: ExportPolicy;
  /** Active when left out. */
  readonly state?: "pre_activation" | "active";
  readonly label?: string;
  /** CKA_ID, hexadecimal. */
  readonly objectId?: string;
  /** True when left out. */
  readonly modifiable?: boolean;
  readonly allowedMechanisms?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startDate?: number;
  readonly endDate?: number;
  readonly maxUses?: number;
  readonly maxBytes?: number;
  readonly rotation?: RotationRules;
  readonly trusted?: boolean;
  readonly wrapWithTrusted?: boolean;
  readonly copyable?: boolean;
  readonly destroyable?: boolean;
  readonly alwaysAuthenticate?: boolean;
  /** CKA_SUBJECT, hexadecimal. */
  readonly subject?: string;
  /** The key itself; stored, then forgotten. */
  readonly key: Key;
  readonly local: boolean;
  /** Of its material, when it may leave and is not stored; objects.ts writes that of stored keys. */
  readonly mark?: string;
  /** The key that it is a copy of. */
  readonly copyOf?: KeyAttributes;
  /** Id of the key of this namespace that it came wrapped under. */
  readonly under?: string;
  /** `id@vN` of the key that it came from. */
  readonly derivedFrom?: string;
  /** It is to be in memory alone; false when left out. */
  readonly sessionKey?: boolean;
}

/** What whoever makes a version says of it. */
export type VersionFacts = Pick<VersionAttributes, "expiresAt" | "rotationReason" | "complianceRequirement">;

/** A change and what will be true after it. */
export interface PreparedKey {
  readonly described: DescribedKey;
  readonly change: Change;
}
