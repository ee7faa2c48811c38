import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createToken = operation({
  number: 480,
  method: HsmService.method.createToken,
  permission: "token:manage",
  scope: "namespace",
  effect: "change",
  sealedPayload: true,
});
