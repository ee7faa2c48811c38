import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const setAttributes = operation({
  number: 171,
  method: HsmService.method.setAttributes,
  permission: "key:update",
  scope: "key",
  effect: "change",
});
