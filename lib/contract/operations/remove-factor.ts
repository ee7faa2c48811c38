import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const removeFactor = operation({
  number: 261,
  method: HsmService.method.removeFactor,
  permission: "identity:self",
  demands: ({ name }) => (name === "" ? [] : ["identity:manage"]),
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
