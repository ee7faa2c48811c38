import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listGrants = operation({
  number: 229,
  method: HsmService.method.listGrants,
  permission: "key:delegate",
  scope: "key",
  effect: "read",
});
