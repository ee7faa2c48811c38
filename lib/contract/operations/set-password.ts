import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const setPassword = operation({
  number: 255,
  method: HsmService.method.setPassword,
  permission: "identity:self",
  demands: ({ name }) => (name === "" ? [] : ["identity:manage"]),
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
