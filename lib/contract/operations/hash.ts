import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const hash = operation({
  number: 15,
  method: HsmService.method.hash,
  permission: "crypto:hash",
  scope: "server",
  effect: "use",
});
