import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listServiceAccounts = operation({
  number: 271,
  method: HsmService.method.listServiceAccounts,
  permission: "identity:read",
  scope: "server",
  effect: "read",
});
