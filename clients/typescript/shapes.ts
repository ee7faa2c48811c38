/**
 * The plain objects this client takes and gives: canonical algorithm names, Buffers and Dates instead of enum
 * numbers, Uint8Arrays and protobuf timestamps. Field for field they are the messages of proto/hsm/hsm.proto.
 */
import type { AlgorithmName, DigestName, Usage } from "@keystead/contract/algorithms";
import type { KdfName } from "@keystead/contract/kdfs";
import type { HsmError } from "@keystead/contract/errors";

/** A canonical name, with completion in editors, or any accepted spelling of one. */
export type AlgorithmSpelling = AlgorithmName | (string & {});
export type DigestSpelling = DigestName | (string & {});

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
/** How an ECDSA signature is written; `der` unless asked otherwise. */
export type SignatureFormat = "der" | "raw";
export type SignatureScheme = "pss" | "pkcs1" | "prehash";
export type EncryptionScheme = "oaep" | "pkcs1";
export type CiphertextFormat = "sealed" | "raw";
export type PublicKeyFormat = "pem" | "jwk";
export type KeyMaterialFormat = "pkcs8" | "sec1" | "jwk" | "raw" | "pem";
/** Whether a key's material may leave the vault: never, encrypted under another key, or also in plain. */
export type ExportPolicy = "never" | "wrapped" | "plain";
export type SortOrder = "oldest_first" | "newest_first";

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
}

/** Names one key. A missing namespace is the client's own, and failing that the credential's. */
export interface KeyAddress {
  readonly namespace?: string | undefined;
  readonly keyId: string;
}

interface NewKey {
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
}

export interface GenerateKeyRequest extends NewKey {
  readonly rotationPolicy?: RotationPolicy | undefined;
}
export interface ImportKeyRequest extends NewKey {
  readonly keyMaterial: Uint8Array;
  readonly format: KeyMaterialFormat;
  /** The key of the vault that `keyMaterial` is wrapped under; left out: it is in plain. */
  readonly wrappingKeyId?: string | undefined;
  readonly wrappingVersion?: number | undefined;
  readonly wrappingMechanism?: WrappingMechanism | undefined;
  readonly wrappingDigest?: DigestSpelling | undefined;
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
  readonly state?: KeyStateSpelling | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly perPage?: number | undefined;
  readonly pageToken?: string | undefined;
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

interface SignatureChoices extends KeyAddress {
  readonly data: Uint8Array;
  readonly digest?: DigestSpelling | undefined;
  readonly scheme?: SignatureScheme | undefined;
  readonly format?: SignatureFormat | undefined;
  /** Signed with the data, at most 255 bytes: what the signature is for. Ed25519, Ed448, ML-DSA, SLH-DSA. */
  readonly context?: Uint8Array | undefined;
  /** RSA-PSS: length of the salt; as long as the digest when left out. */
  readonly saltBytes?: number | undefined;
}
export interface SignRequest extends SignatureChoices {
  /** ECDSA: the nonce of RFC 6979, so that the same data has the same signature. */
  readonly deterministic?: boolean | undefined;
}
export type CertificateUsage =
  | "digital_signature"
  | "content_commitment"
  | "key_encipherment"
  | "data_encipherment"
  | "key_agreement"
  | "key_cert_sign"
  | "crl_sign"
  | "encipher_only"
  | "decipher_only";
export type CertificatePurpose = "server_auth" | "client_auth" | "code_signing" | "email_protection" | "time_stamping" | "ocsp_signing";
export interface GenerateCsrRequest extends KeyAddress {
  /** RFC 4514 text: `CN=api.example.com,O=Example,C=DE`. */
  readonly subject: string;
  readonly dnsNames?: readonly string[] | undefined;
  readonly ipAddresses?: readonly string[] | undefined;
  readonly emailAddresses?: readonly string[] | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly keyUsage?: readonly CertificateUsage[] | undefined;
  readonly purposes?: readonly CertificatePurpose[] | undefined;
  /** The key is an authority's. */
  readonly isCa?: boolean | undefined;
  /** With `isCa`: `pathLength` says how many authorities may follow. */
  readonly limitPath?: boolean | undefined;
  readonly pathLength?: number | undefined;
  readonly digest?: DigestSpelling | undefined;
  /** RSA: PSS when left out. */
  readonly scheme?: SignatureScheme | undefined;
}
export interface GenerateCsrResponse {
  /** PEM. */
  readonly csr: string;
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
}
export interface GenerateCertificateRequest extends GenerateCsrRequest {
  /** The key that is certified; the signing key itself when left out. */
  readonly subjectKeyId?: string | undefined;
  /** With `subjectKeyId`: the signing key's own name, for an authority made here; or `issuerCertificate`. */
  readonly issuer?: string | undefined;
  /** With `subjectKeyId`: the signing key's certificate in PEM, whoever made it. */
  readonly issuerCertificate?: string | undefined;
  /** Now, when left out. */
  readonly notBefore?: Date | undefined;
  /** 1 to 36,500. */
  readonly validityDays: number;
}
export interface GenerateCertificateResponse {
  /** PEM. */
  readonly certificate: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
}
export interface SignDigestRequest extends KeyAddress {
  /** The digest itself, exactly as long as `digest` makes it. */
  readonly digestValue: Uint8Array;
  /** What made it; the algorithm's own when left out. */
  readonly digest?: DigestSpelling | undefined;
  readonly scheme?: SignatureScheme | undefined;
  readonly format?: SignatureFormat | undefined;
  readonly saltBytes?: number | undefined;
  readonly deterministic?: boolean | undefined;
}
export interface SignResponse {
  readonly signature: Buffer;
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
}
export interface VerifyRequest extends SignatureChoices {
  readonly signature: Uint8Array;
  /** 0 or left out: the current version first, then older ones. */
  readonly version?: number | undefined;
}
/** `valid: false` is an answer, not an error. */
export interface Verdict {
  readonly valid: boolean;
  readonly version: number;
}

export interface EncryptRequest extends KeyAddress {
  readonly plaintext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly scheme?: EncryptionScheme | undefined;
  readonly digest?: DigestSpelling | undefined;
  readonly format?: CiphertextFormat | undefined;
  /** A nonce of one's own; needs the permission crypto:caller_nonce. */
  readonly nonce?: Uint8Array | undefined;
}
export interface EncryptResponse {
  readonly ciphertext: Buffer;
  /** Empty unless `format` was raw. */
  readonly nonce: Buffer;
  readonly keyId: string;
  readonly version: number;
}
export interface DecryptRequest extends KeyAddress {
  readonly ciphertext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly scheme?: EncryptionScheme | undefined;
  readonly digest?: DigestSpelling | undefined;
  readonly format?: CiphertextFormat | undefined;
  readonly nonce?: Uint8Array | undefined;
  readonly version?: number | undefined;
}
export interface DecryptResponse {
  readonly plaintext: Buffer;
  readonly version: number;
}

export interface GenerateMacRequest extends KeyAddress {
  readonly data: Uint8Array;
  /** AES-GMAC: to make one, a nonce of one's own (needs crypto:caller_nonce); to verify, the nonce the code came with. */
  readonly nonce?: Uint8Array | undefined;
  /** KMAC: the customisation string, at most 512 bytes. */
  readonly customization?: Uint8Array | undefined;
  /** Length of the code, where not the usual one. */
  readonly macBytes?: number | undefined;
}
export interface GenerateMacResponse {
  readonly mac: Buffer;
  /** AES-GMAC: needed to verify; empty otherwise. */
  readonly nonce: Buffer;
  readonly keyId: string;
  readonly version: number;
}
export interface VerifyMacRequest extends GenerateMacRequest {
  readonly mac: Uint8Array;
  readonly version?: number | undefined;
}

export interface GenerateDataKeyRequest extends KeyAddress {
  /** 16, 24 or 32; 32 when left out. */
  readonly sizeBytes?: number | undefined;
  readonly associatedData?: Uint8Array | undefined;
}
export interface GenerateDataKeyResponse {
  /** Wipe it (`fill(0)`) once used. */
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
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
}
/** A derivation and its parameters; which function reads which stands in the reference page of mechanisms. */
export interface KeyDerivation {
  readonly function: KdfName;
  readonly digest?: DigestSpelling | undefined;
  readonly salt?: Uint8Array | undefined;
  readonly info?: Uint8Array | undefined;
  readonly label?: Uint8Array | undefined;
  readonly context?: Uint8Array | undefined;
  readonly iterations?: number | undefined;
  readonly memoryKib?: number | undefined;
  readonly parallelism?: number | undefined;
  readonly cost?: number | undefined;
  readonly blockSize?: number | undefined;
}
/** Exactly one of the two. `asBytes` needs the permission crypto:shared_secret, `asKey` key:create. */
export type SecretWish =
  | { readonly asKey: KeyTemplate; readonly derivation?: KeyDerivation | undefined; readonly asBytes?: undefined }
  | { readonly asBytes: true; readonly asKey?: undefined; readonly derivation?: undefined };
/** What became of it. */
export interface SecretResult {
  /** With `asKey`. */
  readonly key?: Key;
  /** Empty unless `asBytes`. Wipe it (`fill(0)`) once used. */
  readonly secret: Buffer;
  readonly keyId: string;
  readonly version: number;
}
export type EncapsulateRequest = KeyAddress & SecretWish;
export interface EncapsulateResponse extends SecretResult {
  readonly ciphertext: Buffer;
}
export type DecapsulateRequest = KeyAddress & SecretWish & { readonly ciphertext: Uint8Array; readonly version?: number | undefined };
export type DecapsulateResponse = SecretResult;
/** `derivation` is needed with `asKey`. */
export type AgreeKeyRequest = KeyAddress &
  SecretWish & {
    /** SubjectPublicKeyInfo (DER or PEM), JWK, or bare. */
    readonly peerPublicKey: Uint8Array;
    readonly version?: number | undefined;
  };
export interface DeriveKeyRequest extends KeyAddress {
  readonly derivation: KeyDerivation;
  readonly asKey: KeyTemplate;
  readonly version?: number | undefined;
}
export interface DeriveKeyResponse {
  readonly key: Key;
  /** The salt that was used; drawn by the vault when a derivation from a password was given none. */
  readonly salt: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export type HpkeKdf = "hkdf_sha256" | "hkdf_sha384" | "hkdf_sha512";
export type HpkeAead = "aes_128_gcm" | "aes_256_gcm" | "chacha20_poly1305";
interface HpkeChoices extends KeyAddress {
  readonly info?: Uint8Array | undefined;
  readonly associatedData?: Uint8Array | undefined;
  readonly kdf?: HpkeKdf | undefined;
  readonly aead?: HpkeAead | undefined;
  /** A Generic-Secret that both sides hold. */
  readonly pskKeyId?: string | undefined;
  readonly pskId?: Uint8Array | undefined;
}
export interface HpkeSealRequest extends HpkeChoices {
  readonly plaintext: Uint8Array;
}
export interface HpkeSealResponse {
  readonly encapsulatedKey: Buffer;
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
}
export interface HpkeOpenRequest extends HpkeChoices {
  /** Left out when the ciphertext begins with it. */
  readonly encapsulatedKey?: Uint8Array | undefined;
  readonly ciphertext: Uint8Array;
  readonly version?: number | undefined;
}
export interface HpkeOpenResponse {
  /** Wipe it (`fill(0)`) once used. */
  readonly plaintext: Buffer;
  readonly keyId: string;
  readonly version: number;
}

/** How a key is encrypted under an RSA key; every other wrapping key has one way (X25519, X448 and ECDH: hpke). */
export type WrappingMechanism = "rsa_aes_kwp" | "rsa_oaep" | "hpke";
interface Wrapping {
  readonly mechanism?: WrappingMechanism | undefined;
  /** RSA only; SHA-256 when left out. */
  readonly digest?: DigestSpelling | undefined;
}
export interface WrapKeyRequest extends KeyAddress, Wrapping {
  /** The key that is wrapped; `keyId` is the one that wraps. */
  readonly targetKeyId: string;
  readonly targetVersion?: number | undefined;
}
export interface WrapKeyResponse {
  readonly wrappedKey: Buffer;
  readonly keyId: string;
  readonly version: number;
  readonly targetKeyId: string;
  readonly targetVersion: number;
  readonly algorithm: AlgorithmName;
  readonly format: KeyMaterialFormat;
}
export interface UnwrapKeyRequest extends KeyAddress, Wrapping {
  readonly wrappedKey: Uint8Array;
  readonly asKey: KeyTemplate;
  /** Of the key that unwraps. */
  readonly version?: number | undefined;
  readonly attributes?: KeyAttributes | undefined;
  /** `staged` or `active`; active when left out, unless a start date lies ahead. */
  readonly state?: KeyStateSpelling | undefined;
}
/** Exactly one of `recipientPublicKey` (PEM) and `plain`. */
export interface ExportKeyRequest extends KeyAddress, Wrapping {
  readonly version?: number | undefined;
  readonly recipientPublicKey?: string | undefined;
  /** Needs `exportable: plain` and the permission key:export_plain. */
  readonly plain?: boolean | undefined;
}
export interface ExportKeyResponse {
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
  readonly wrappedKey: Buffer;
  /** Empty unless `plain`. Wipe it (`fill(0)`) once used. */
  readonly keyMaterial: Buffer;
  readonly format: KeyMaterialFormat;
  readonly mechanism?: WrappingMechanism;
}
export interface RewrapDataRequest extends KeyAddress {
  readonly ciphertext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly digest?: DigestSpelling | undefined;
  /** Left out: the same key. */
  readonly targetKeyId?: string | undefined;
}
export interface RewrapDataResponse {
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
  /** The version that the ciphertext was under. */
  readonly sourceVersion: number;
}

export interface HashRequest {
  readonly algorithm: DigestSpelling;
  readonly data: Uint8Array;
}
export interface HashResponse {
  readonly digest: Buffer;
  readonly algorithm: DigestName;
}

/** One item of a batch: exactly one of the fields. */
export type BatchItem =
  | { readonly sign: SignRequest }
  | { readonly verify: VerifyRequest }
  | { readonly encrypt: EncryptRequest }
  | { readonly decrypt: DecryptRequest }
  | { readonly generateMac: GenerateMacRequest }
  | { readonly rewrapData: RewrapDataRequest }
  | { readonly signDigest: SignDigestRequest };

/** The answer to the item at the same place: exactly one of the fields. */
export interface BatchResult {
  readonly sign?: SignResponse;
  readonly verify?: Verdict;
  readonly encrypt?: EncryptResponse;
  readonly decrypt?: DecryptResponse;
  readonly generateMac?: GenerateMacResponse;
  readonly rewrapData?: RewrapDataResponse;
  readonly signDigest?: SignResponse;
  readonly error?: HsmError;
}

export interface Namespace {
  readonly namespace: string;
  readonly description: string;
  readonly createdAt?: Date;
  /** 0 = no limit. */
  readonly maxKeys: number;
}
export interface CreateNamespaceRequest {
  readonly namespace: string;
  readonly description?: string | undefined;
  readonly maxKeys?: number | undefined;
}

export interface GetAuditLogRequest {
  readonly namespace?: string | undefined;
  readonly pageSize?: number | undefined;
  readonly pageToken?: string | undefined;
  readonly keyId?: string | undefined;
  readonly action?: string | undefined;
  readonly order?: SortOrder | undefined;
}
export interface AuditEvent {
  readonly sequence: bigint;
  readonly time?: Date;
  readonly namespace: string;
  readonly principal: string;
  readonly authentication: string;
  readonly action: string;
  readonly keyId: string;
  /** A second key that was used; empty for none. */
  readonly otherKeyId: string;
  readonly version: number;
  readonly requestId: string;
  readonly payloadSha256: string;
  readonly decision: string;
  readonly outcome: string;
  readonly previousHash: string;
  readonly hash: string;
  readonly mac: string;
  /** The event exactly as it stands in the log. */
  readonly canonical: string;
}
export interface GetAuditLogResponse {
  readonly events: readonly AuditEvent[];
  readonly nextPageToken: string;
}

export interface Status {
  readonly version: string;
  readonly phase: string;
  readonly uptimeSeconds: bigint;
  readonly preset: string;
  readonly auditSequence: bigint;
  readonly auditSyncMode: string;
  readonly auditIntegrity: string;
  readonly store: string;
  readonly isolation: string;
  readonly memoryLocked: boolean;
  readonly selfTests?: SelfTests | undefined;
  readonly rekey?: RekeyProgress | undefined;
}
/** The self-tests of the server's start. */
export interface SelfTests {
  readonly passed: boolean;
  readonly time?: Date;
  readonly durationUs: number;
  readonly results: readonly SelfTest[];
}
export interface SelfTest {
  readonly name: string;
  /** mechanism, function or entropy. */
  readonly kind: string;
  readonly source: string;
  readonly passed: boolean;
  readonly durationUs: number;
}
export interface UnsealRequest {
  readonly secret: Uint8Array;
  readonly hmacKey?: Uint8Array | undefined;
}
export interface RekeyVaultRequest {
  readonly secret?: Uint8Array | undefined;
  readonly hmacKey?: Uint8Array | undefined;
  readonly newSecret?: Uint8Array | undefined;
  readonly newHmacKey?: Uint8Array | undefined;
  readonly newMethod?: "key" | "passphrase" | undefined;
}
export interface RekeyProgress {
  readonly generation: number;
  readonly complete: boolean;
  readonly recordsRenewed: bigint;
  readonly records: bigint;
}
export interface RekeyVaultResponse {
  readonly progress: RekeyProgress;
}
export interface PhaseResponse {
  readonly phase: string;
}
