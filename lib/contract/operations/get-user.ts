import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getUser = operation({
  number: 251,
  method: HsmService.method.getUser,
  permission: "identity:self",
  demands: ({ name }) => (name === "" ? [] : ["identity:read"]),
  scope: "server",
  effect: "read",
});
