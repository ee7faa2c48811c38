import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const rekeyVault = operation({
  number: 200,
  method: HsmService.method.rekeyVault,
  permission: "vault:rekey",
  scope: "server",
  effect: "change",
  sealedPayload: true,
});
