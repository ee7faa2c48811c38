import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const resumeNamespace = operation({
  number: 363,
  method: HsmService.method.resumeNamespace,
  permission: "namespace:resume",
  scope: "namespace",
  effect: "change",
});
