import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const signDigest = operation({
  number: 100,
  method: HsmService.method.signDigest,
  permission: "crypto:sign_digest",
  scope: "key",
  effect: "use",
  usage: "sign",
  batchable: true,
});
