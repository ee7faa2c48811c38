import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteKey = operation({
  number: 7,
  method: HsmService.method.deleteKey,
  permission: "key:destroy",
  // Nothing is lost that its maker could not make again, and nobody else has it.
  instead: (_, sessionKey) => (sessionKey ? "key:create" : undefined),
  scope: "key",
  effect: "change",
});
