import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listSessions = operation({
  number: 267,
  method: HsmService.method.listSessions,
  permission: "identity:self",
  demands: ({ principal }) => (principal === "" ? [] : ["identity:read"]),
  scope: "server",
  effect: "read",
});
