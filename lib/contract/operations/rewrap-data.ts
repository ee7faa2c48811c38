import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const rewrapData = operation({
  number: 123,
  method: HsmService.method.rewrapData,
  permission: "crypto:rewrap",
  scope: "key",
  effect: "use",
  // Under another key it is what Decrypt and Encrypt together are.
  demands: ({ keyId, targetKeyId }) => (targetKeyId === "" || targetKeyId === keyId ? [] : ["crypto:decrypt", "crypto:encrypt"]),
  usage: "decrypt",
  other: { use: "encrypt", keyId: ({ keyId, targetKeyId }) => (targetKeyId === "" ? keyId : targetKeyId) },
  batchable: true,
});
