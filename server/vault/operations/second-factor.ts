/** The second factor in a CompleteLogin request. */
import { HsmError } from "@keystead/contract/errors";
import type { Assertion } from "@keystead/crypto/webauthn/assertion";
import type { Proof } from "../authenticate/logins.ts";

/** The proof in a request. @throws {HsmError} INVALID_REQUEST unless there is exactly one */
export function oneProof(totpCode: string, recoveryCode: string, assertion: Assertion | undefined): Proof {
  const proofs: Proof[] = [
    ...(totpCode === "" ? [] : [{ kind: "totp" as const, code: totpCode }]),
    ...(recoveryCode === "" ? [] : [{ kind: "recovery_code" as const, code: recoveryCode }]),
    ...(assertion === undefined ? [] : [{ kind: "webauthn" as const, assertion }]),
  ];
  const [proof] = proofs;
  if (proof === undefined || proofs.length > 1)
    throw new HsmError("INVALID_REQUEST", "exactly one of totp_code, recovery_code and webauthn is needed");
  return proof;
}
