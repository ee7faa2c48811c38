import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listConfigVersions = operation({
  number: 231,
  method: HsmService.method.listConfigVersions,
  permission: "policy:view",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
