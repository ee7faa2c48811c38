import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listPolicyVersions = operation({
  number: 222,
  method: HsmService.method.listPolicyVersions,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
