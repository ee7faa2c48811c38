import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listKeys = operation({
  number: 5,
  method: HsmService.method.listKeys,
  permission: "key:read",
  scope: "namespace",
  effect: "read",
});
