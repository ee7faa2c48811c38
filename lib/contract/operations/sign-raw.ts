import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const signRaw = operation({
  number: 489,
  method: HsmService.method.signRaw,
  permission: "crypto:sign_digest",
  scope: "key",
  effect: "use",
  usage: "sign",
});
