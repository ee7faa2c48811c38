import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const initToken = operation({
  number: 485,
  method: HsmService.method.initToken,
  permission: "token:pin",
  scope: "server",
  effect: "change",
});
