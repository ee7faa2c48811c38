import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const confirmTotp = operation({
  number: 258,
  method: HsmService.method.confirmTotp,
  permission: "identity:self",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
