import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deriveKey = operation({
  number: 143,
  method: HsmService.method.deriveKey,
  permission: "crypto:derive",
  demands: () => ["key:create"],
  scope: "key",
  effect: "change",
  usage: "derive",
});
