import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteSink = operation({
  number: 434,
  method: HsmService.method.deleteSink,
  permission: "sink:manage",
  scope: "reach",
  effect: "change",
});
