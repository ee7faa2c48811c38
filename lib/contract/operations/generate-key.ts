import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const generateKey = operation({
  number: 1,
  method: HsmService.method.generateKey,
  permission: "key:create",
  scope: "namespace",
  effect: "change",
});
