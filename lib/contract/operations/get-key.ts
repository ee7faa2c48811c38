import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getKey = operation({
  number: 3,
  method: HsmService.method.getKey,
  permission: "key:read",
  scope: "key",
  effect: "read",
});
