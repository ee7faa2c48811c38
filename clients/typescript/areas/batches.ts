/** Items of a batch and their results. */
import type { HsmError } from "@keystead/contract/errors";
import type { DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, RewrapDataRequest, RewrapDataResponse } from "./ciphers.ts";
import type {
  GenerateMacRequest,
  GenerateMacResponse,
  SignDigestRequest,
  SignRequest,
  SignResponse,
  Verdict,
  VerifyRequest,
} from "./signatures.ts";

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
