import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const findObjects = operation({
  number: 172,
  method: HsmService.method.findObjects,
  permission: "key:read",
  scope: "namespace",
  effect: "read",
});
