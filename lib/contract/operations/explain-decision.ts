import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const explainDecision = operation({
  number: 225,
  method: HsmService.method.explainDecision,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
