import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listSinks = operation({
  number: 432,
  method: HsmService.method.listSinks,
  permission: "sink:read",
  scope: "reach",
  effect: "read",
});
