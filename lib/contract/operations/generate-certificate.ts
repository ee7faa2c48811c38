import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

/** Whoever may sign may sign a certificate; to certify another key one must be allowed to read about it. */
export const generateCertificate = operation({
  number: 102,
  method: HsmService.method.generateCertificate,
  permission: "crypto:sign",
  demands: ({ subjectKeyId }) => (subjectKeyId === "" ? [] : ["key:read"]),
  scope: "key",
  effect: "use",
  usage: "sign",
});
