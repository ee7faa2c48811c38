import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation, type Operation } from "../operation.ts";
import { getPublicKey } from "./get-public-key.ts";

/** Whoever may sign may sign a certificate; to certify another key one must be allowed to read about it. */
export const generateCertificate = operation({
  number: 102,
  method: HsmService.method.generateCertificate,
  permission: "crypto:sign",
  scope: "key",
  effect: "use",
  usage: "sign",
  other: { as: getPublicKey as unknown as Operation, keyId: ({ keyId, subjectKeyId }) => (subjectKeyId === keyId ? "" : subjectKeyId) },
});
