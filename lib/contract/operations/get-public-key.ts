import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getPublicKey = operation({
  number: 4,
  method: HsmService.method.getPublicKey,
  permission: "key:read",
  scope: "key",
  effect: "read",
});
