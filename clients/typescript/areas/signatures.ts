/** Signatures and message authentication codes. */
import type { MacMode } from "@keystead/contract/key-modes";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Ways } from "../operation-ways.ts";
import type { KeyAddress } from "./keys.ts";
import type { DigestSpelling } from "./names.ts";

/** How an ECDSA signature is written; `der` unless asked otherwise. */
export type SignatureFormat = "der" | "raw";

export type SignatureScheme = "pss" | "pkcs1" | "prehash";

export interface SignatureChoices extends KeyAddress {
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

/** What stands around the bytes: the padding of PKCS#1 v1.5 signatures, or nothing. */
export type RawPadding = "pkcs1" | "none";

export interface SignRawRequest extends KeyAddress {
  /** pkcs1: at most 11 bytes fewer than the modulus; none: as many as the modulus, and a smaller number. */
  readonly rawData: Uint8Array;
  readonly padding: RawPadding;
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

export interface GenerateMacRequest extends KeyAddress {
  readonly data: Uint8Array;
  /** AES-GMAC: to make one, a nonce of one's own (needs crypto:caller_nonce); to verify, the nonce the code came with. */
  readonly nonce?: Uint8Array | undefined;
  /** KMAC: the customisation string, at most 512 bytes. */
  readonly customization?: Uint8Array | undefined;
  /** Length of the code, where not the usual one. */
  readonly macBytes?: number | undefined;
  /** Keys of AES-128, AES-192, AES-256, AES-CBC or Generic-Secret: the mode; others have one and take none. */
  readonly mode?: MacMode | undefined;
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

export interface SignatureOperations {
  sign(request: SignRequest): Promise<SignResponse>;
  signDigest(request: SignDigestRequest): Promise<SignResponse>;
  /** RSA alone, and only keys whose `allowed_mechanisms` names RSA-PKCS1-BARE or RSA-RAW. */
  signRaw(request: SignRawRequest): Promise<SignResponse>;
  verify(request: VerifyRequest): Promise<Verdict>;
  generateMac(request: GenerateMacRequest): Promise<GenerateMacResponse>;
  verifyMac(request: VerifyMacRequest): Promise<Verdict>;
}

export const SIGNATURE_OPERATIONS: Ways<SignatureOperations> = {
  sign: "Sign",
  signDigest: "SignDigest",
  signRaw: "SignRaw",
  verify: "Verify",
  generateMac: "GenerateMac",
  verifyMac: "VerifyMac",
};
