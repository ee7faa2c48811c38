import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

/** Whoever may sign may sign a request: a permission of its own would hold nobody back. */
export const generateCsr = operation({
  number: 101,
  method: HsmService.method.generateCsr,
  permission: "crypto:sign",
  scope: "key",
  effect: "use",
  usage: "sign",
});
