import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const rotateSinkSecret = operation({
  number: 438,
  method: HsmService.method.rotateSinkSecret,
  permission: "sink:manage",
  scope: "reach",
  effect: "change",
  sealedPayload: true,
});
