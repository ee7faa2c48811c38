import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const generateRandom = operation({
  number: 16,
  method: HsmService.method.generateRandom,
  permission: "crypto:random",
  scope: "server",
  effect: "use",
});
