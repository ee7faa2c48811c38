import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const importKey = operation({
  number: 2,
  method: HsmService.method.importKey,
  permission: "key:import",
  scope: "namespace",
  effect: "change",
});
