import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getSink = operation({
  number: 431,
  method: HsmService.method.getSink,
  permission: "sink:read",
  scope: "reach",
  effect: "read",
});
