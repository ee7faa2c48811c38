import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createServiceAccount = operation({
  number: 270,
  method: HsmService.method.createServiceAccount,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
