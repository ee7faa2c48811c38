import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const generateMac = operation({
  number: 12,
  method: HsmService.method.generateMac,
  permission: "crypto:mac",
  scope: "key",
  effect: "use",
  usage: "mac",
  demands: ({ nonce }) => (nonce.length > 0 ? ["crypto:caller_nonce"] : []),
  batchable: true,
});
