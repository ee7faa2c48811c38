import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listUsers = operation({
  number: 252,
  method: HsmService.method.listUsers,
  permission: "identity:read",
  scope: "server",
  effect: "read",
});
