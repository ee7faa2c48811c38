import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const resumeKey = operation({
  number: 162,
  method: HsmService.method.resumeKey,
  permission: "key:suspend",
  scope: "key",
  effect: "change",
});
