import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const revokeSession = operation({
  number: 268,
  method: HsmService.method.revokeSession,
  permission: "identity:self",
  demands: ({ principal }) => (principal === "" ? [] : ["identity:manage"]),
  scope: "server",
  effect: "change",
});
