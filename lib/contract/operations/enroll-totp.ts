import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const enrollTotp = operation({
  number: 257,
  method: HsmService.method.enrollTotp,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
