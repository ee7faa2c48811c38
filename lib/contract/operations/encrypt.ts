import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const encrypt = operation({
  number: 10,
  method: HsmService.method.encrypt,
  permission: "crypto:encrypt",
  scope: "key",
  effect: "use",
  usage: "encrypt",
  demands: ({ nonce }) => (nonce.length > 0 ? ["crypto:caller_nonce"] : []),
  batchable: true,
});
