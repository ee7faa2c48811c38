/**
 * The names and tables a program on top of this client needs: error codes, algorithm and digest names, spellings.
 * Everything comes from the contract; this file only lets it through.
 */
export { ERRORS, ERROR_CODES, HsmError, asHsmError, type ErrorCode, type ErrorRow } from "@keystead/contract/errors";
export {
  ALGORITHMS,
  ALGORITHM_NAMES,
  DIGEST_NAMES,
  USAGES,
  findAlgorithm,
  findDigest,
  type AlgorithmName,
  type DigestName,
  type Usage,
} from "@keystead/contract/algorithms";
export { ATTRIBUTES, ATTRIBUTE_NAMES, type AttributeName } from "@keystead/contract/attributes";
export { REVOCATION_REASONS, STATE_NAMES as KEY_STATES } from "@keystead/contract/lifecycle";
export { VERSION } from "@keystead/contract/version";
export { KDFS, KDF_NAMES, type KdfName } from "@keystead/contract/kdfs";
export { checkPolicy } from "@keystead/contract/policy/check";
export { CRITICAL_PERMISSIONS } from "@keystead/contract/critical-permissions";
