import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const unseal = operation({
  number: 22,
  method: HsmService.method.unseal,
  permission: "vault:unseal",
  scope: "server",
  effect: "change",
  sealedPayload: true,
  phases: ["sealed"],
});
