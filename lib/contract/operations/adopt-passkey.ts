import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const adoptPasskey = operation({
  number: 347,
  method: HsmService.method.adoptPasskey,
  permission: "approval:keys",
  scope: "server",
  effect: "change",
});
