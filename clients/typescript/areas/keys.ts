/** Keys and their lives. */
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";
import type { Ways } from "../operation-ways.ts";
import type { AlgorithmSpelling } from "./names.ts";

export type KeyState =
  | "pre_activation"
  | "active"
  | "suspended"
  | "deactivated"
  | "revoked"
  | "compromised"
  | "purge_scheduled"
  | "destroyed";

/** `staged` is another word for `pre_activation`. */
export type KeyStateSpelling = KeyState | "staged";

/** RFC 5280 section 5.3.1. */
export type RevocationReason =
  | "key_compromise"
  | "ca_compromise"
  | "affiliation_changed"
  | "superseded"
  | "cessation_of_operation"
  | "privilege_withdrawn";

export type PublicKeyFormat = "pem" | "jwk";

/** Whether a key's material may leave the vault: never, encrypted under another key, or also in plain. */
export type ExportPolicy = "never" | "wrapped" | "plain";

export interface KeyVersion {
  readonly version: number;
  readonly state: KeyState;
  readonly createdAt?: Date;
  /** Made in the vault (true) or imported (false). */
  readonly local: boolean;
  /** From then on it makes nothing new. */
  readonly expiresAt?: Date;
  readonly rotationReason: string;
  readonly complianceRequirement: string;
  /** The version whose material it has, after a rollback; 0 otherwise. */
  readonly promotedFrom: number;
  /** The key and version it came from (`id@vN`) by derivation, agreement or encapsulation; empty for every other. */
  readonly derivedFrom: string;
  readonly revocation?: Revocation;
  readonly purgeAt?: Date;
  readonly deactivatedAt?: Date;
  readonly purgeNeedsApproval: boolean;
}

/** When a key is rotated by itself; what is left out has the contract's default. */
export interface RotationPolicy {
  readonly intervalSeconds?: number | undefined;
  readonly overlapSeconds?: number | undefined;
  readonly maxVersions?: number | undefined;
  readonly noticeSeconds?: number | undefined;
  readonly revokeAfterOverlap?: boolean | undefined;
}

/** How and why something was revoked. */
export interface Revocation {
  /** Left out when no reason was given. */
  readonly reason?: RevocationReason;
  readonly time?: Date;
  readonly compromiseDate?: Date;
  readonly comment: string;
}

/** PKCS#11-aligned attributes; the reference says which may be written. */
export interface KeyAttributes {
  readonly label?: string | undefined;
  readonly id?: Uint8Array | undefined;
  readonly objectClass?: string | undefined;
  readonly keyType?: string | undefined;
  readonly sizeBits?: number | undefined;
  readonly usage?: readonly Usage[] | undefined;
  readonly sensitive?: boolean | undefined;
  readonly extractable?: boolean | undefined;
  readonly alwaysSensitive?: boolean | undefined;
  readonly neverExtractable?: boolean | undefined;
  readonly local?: boolean | undefined;
  readonly keyGenMechanism?: string | undefined;
  readonly modifiable?: boolean | undefined;
  readonly startDate?: Date | undefined;
  readonly endDate?: Date | undefined;
  readonly maxUses?: bigint | undefined;
  readonly maxBytes?: bigint | undefined;
  /** The only ways the key may be used, by the names on the page of mechanisms. */
  readonly allowedMechanisms?: readonly string[] | undefined;
  /** Keys with `wrapWithTrusted` may leave under it; written with the permission key:trust alone. */
  readonly trusted?: boolean | undefined;
  /** It leaves only under a trusted key of the vault. */
  readonly wrapWithTrusted?: boolean | undefined;
  readonly copyable?: boolean | undefined;
  readonly destroyable?: boolean | undefined;
  /** Each use of the private half needs a login of its own. */
  readonly alwaysAuthenticate?: boolean | undefined;
  /** Whose key it is, as applications say it; of key pairs only. */
  readonly subject?: Uint8Array | undefined;
}

/** What is known of a key. Never its material. */
export interface Key {
  readonly namespace: string;
  readonly keyId: string;
  readonly algorithm: AlgorithmName;
  readonly state: KeyState;
  /** Number of the current version, from 1. */
  readonly version: number;
  readonly usage: readonly Usage[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly createdAt?: Date;
  readonly updatedAt?: Date;
  readonly versions: readonly KeyVersion[];
  readonly attributes?: KeyAttributes;
  readonly revocation?: Revocation;
  /** When it will be destroyed, while that is scheduled. */
  readonly purgeAt?: Date;
  readonly lastUsedAt?: Date;
  /** Uses that made something new, and the bytes they were given. */
  readonly uses?: bigint;
  readonly bytesUsed?: bigint;
  readonly rotationPolicy?: RotationPolicy;
  readonly nextRotationAt?: Date;
  /** Its destruction is due only after approvePurge. */
  readonly purgeNeedsApproval?: boolean;
  readonly purgeReason?: string;
  /** Left out by servers that know no export. */
  readonly exportable?: ExportPolicy;
  /** It is in the vault's memory alone. */
  readonly sessionKey?: boolean;
}

/** Names one key. A missing namespace is the client's own, and failing that the credential's. */
export interface KeyAddress {
  readonly namespace?: string | undefined;
  readonly keyId: string;
}

export interface NewKey {
  readonly namespace?: string | undefined;
  /** Chosen by the vault (UUIDv7) when left out. */
  readonly keyId?: string | undefined;
  readonly algorithm: AlgorithmSpelling;
  /** Everything the algorithm can do when left out. */
  readonly usage?: readonly Usage[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** `never` when left out; never made looser afterwards. */
  readonly exportable?: ExportPolicy | undefined;
  readonly attributes?: KeyAttributes | undefined;
  /** `staged` or `active`; active when left out, unless a start date lies ahead. */
  readonly state?: KeyStateSpelling | undefined;
  /** In the vault's memory alone, the maker's alone, and gone with the session that made it. The vault chooses its id. */
  readonly sessionKey?: boolean | undefined;
}

export interface GenerateKeyRequest extends NewKey {
  /** Generic-Secret: 1 to 512 bytes. HMAC: 14 to 512. The algorithm's own length when left out. */
  readonly sizeBytes?: number | undefined;
  readonly rotationPolicy?: RotationPolicy | undefined;
}

export interface NewKeyResponse {
  readonly keyId: string;
  readonly key: Key;
  /** PEM of the public half; empty for secret keys. */
  readonly publicKey: string;
}

export interface RotateKeyResponse extends NewKeyResponse {
  /** The new version spelled as `id@vN`. */
  readonly newKeyId: string;
}

export interface DeleteKeyResponse {
  readonly keyId: string;
  readonly key: Key;
}

export interface RotateKeyRequest extends KeyAddress {
  readonly expiresAt?: Date | undefined;
  readonly reason?: string | undefined;
  readonly complianceRequirement?: string | undefined;
}

/** What a key is after an operation on it. */
export type ChangedKeyResponse = DeleteKeyResponse;

/** The whole key, or one of its older versions. */
export interface VersionAddress extends KeyAddress {
  readonly version?: number | undefined;
}

export interface RevokeKeyRequest extends VersionAddress {
  readonly reason?: RevocationReason | undefined;
  readonly compromiseDate?: Date | undefined;
  readonly comment?: string | undefined;
}

export interface RollbackKeyRequest extends KeyAddress {
  readonly version: number;
  readonly reason?: string | undefined;
}

export interface ListVersionsResponse {
  readonly keyId: string;
  readonly current: number;
  /** The newest first. */
  readonly versions: readonly KeyVersion[];
}

export interface UpdateKeyRequest extends KeyAddress {
  readonly description?: string | undefined;
  readonly addTags?: readonly string[] | undefined;
  readonly removeTags?: readonly string[] | undefined;
  readonly rotationPolicy?: RotationPolicy | undefined;
  readonly removeRotationPolicy?: boolean | undefined;
}

export interface DestroyKeyRequest extends VersionAddress {
  readonly delaySeconds?: number | undefined;
  /** Due only after approvePurge, instead of after a delay. */
  readonly needsApproval?: boolean | undefined;
  readonly reason?: string | undefined;
}

export interface SetAttributesRequest extends KeyAddress {
  readonly attributes: KeyAttributes;
}

export interface FindObjectsRequest {
  readonly namespace?: string | undefined;
  readonly match?: KeyAttributes | undefined;
  readonly algorithm?: AlgorithmSpelling | undefined;
  /** Keys of any of these. */
  readonly algorithms?: readonly AlgorithmSpelling[] | undefined;
  readonly state?: KeyStateSpelling | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly perPage?: number | undefined;
  readonly pageToken?: string | undefined;
  /** What PKCS#11 shows as CKA_ID: the attribute `id`, or of a key without one its name. */
  readonly shownId?: Uint8Array | undefined;
  /** The same of CKA_LABEL. */
  readonly shownLabel?: string | undefined;
}

export interface FindObjectsResponse {
  readonly keys: readonly Key[];
  readonly nextPageToken: string;
}

export interface GetPublicKeyRequest extends KeyAddress {
  readonly version?: number | undefined;
  readonly format?: PublicKeyFormat | undefined;
}

export interface GetPublicKeyResponse {
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
  readonly publicKey: string;
}

export interface ListKeysRequest {
  readonly namespace?: string | undefined;
  readonly page?: number | undefined;
  /** 1 to 1000; 50 when left out. */
  readonly perPage?: number | undefined;
  readonly pageToken?: string | undefined;
  readonly algorithm?: AlgorithmSpelling | undefined;
  readonly state?: KeyStateSpelling | undefined;
  /** Keys that carry all of these. */
  readonly tags?: readonly string[] | undefined;
}

export interface ListKeysResponse {
  readonly keys: readonly Key[];
  readonly nextPageToken: string;
  readonly total: number;
  readonly page: number;
  readonly perPage: number;
}

/** What a secret becomes: a managed secret key. */
export interface KeyTemplate {
  /** Chosen by the vault when left out. */
  readonly keyId?: string | undefined;
  readonly algorithm: AlgorithmSpelling;
  readonly usage?: readonly Usage[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** `never` when left out. */
  readonly exportable?: ExportPolicy | undefined;
  /** Generic-Secret only, 8 to 512; 32 when left out. */
  readonly sizeBytes?: number | undefined;
  readonly attributes?: KeyAttributes | undefined;
  /** As in {@link NewKey}. */
  readonly sessionKey?: boolean | undefined;
}

export interface KeyOperations {
  generateKey(request: GenerateKeyRequest): Promise<NewKeyResponse>;
  getKey(request: KeyAddress): Promise<Key>;
  getPublicKey(request: GetPublicKeyRequest): Promise<GetPublicKeyResponse>;
  listKeys(request?: ListKeysRequest): Promise<ListKeysResponse>;
  rotateKey(request: RotateKeyRequest): Promise<RotateKeyResponse>;
  deleteKey(request: KeyAddress): Promise<DeleteKeyResponse>;
  activateKey(request: KeyAddress): Promise<ChangedKeyResponse>;
  suspendKey(request: KeyAddress): Promise<ChangedKeyResponse>;
  resumeKey(request: KeyAddress): Promise<ChangedKeyResponse>;
  deactivateKey(request: KeyAddress): Promise<ChangedKeyResponse>;
  revokeKey(request: RevokeKeyRequest): Promise<ChangedKeyResponse>;
  rollbackKey(request: RollbackKeyRequest): Promise<RotateKeyResponse>;
  listVersions(request: KeyAddress): Promise<ListVersionsResponse>;
  updateKey(request: UpdateKeyRequest): Promise<ChangedKeyResponse>;
  /** Schedules; until it is due, cancelDestruction takes it back. */
  destroyKey(request: DestroyKeyRequest): Promise<ChangedKeyResponse>;
  cancelDestruction(request: VersionAddress): Promise<ChangedKeyResponse>;
  purgeKey(request: VersionAddress): Promise<ChangedKeyResponse>;
  /** Confirms a destruction that the server asked for. */
  approvePurge(request: VersionAddress): Promise<ChangedKeyResponse>;
  setAttributes(request: SetAttributesRequest): Promise<ChangedKeyResponse>;
  findObjects(request?: FindObjectsRequest): Promise<FindObjectsResponse>;
}

export const KEY_OPERATIONS: Ways<KeyOperations> = {
  generateKey: "GenerateKey",
  getKey: ["GetKey", "key"],
  getPublicKey: "GetPublicKey",
  listKeys: "ListKeys",
  rotateKey: "RotateKey",
  deleteKey: "DeleteKey",
  activateKey: "ActivateKey",
  suspendKey: "SuspendKey",
  resumeKey: "ResumeKey",
  deactivateKey: "DeactivateKey",
  revokeKey: "RevokeKey",
  rollbackKey: "RollbackKey",
  listVersions: "ListVersions",
  updateKey: "UpdateKey",
  destroyKey: "DestroyKey",
  cancelDestruction: "CancelDestruction",
  purgeKey: "PurgeKey",
  approvePurge: "ApprovePurge",
  setAttributes: "SetAttributes",
  findObjects: "FindObjects",
};
