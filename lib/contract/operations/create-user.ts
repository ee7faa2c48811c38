import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const createUser = operation({
  number: 250,
  method: HsmService.method.createUser,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
