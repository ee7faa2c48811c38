import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const seal = operation({
  number: 23,
  method: HsmService.method.seal,
  permission: "vault:seal",
  scope: "server",
  effect: "change",
  phases: ["open", "maintenance"],
});
