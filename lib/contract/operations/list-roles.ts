import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listRoles = operation({
  number: 227,
  method: HsmService.method.listRoles,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
