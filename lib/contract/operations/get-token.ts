import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getToken = operation({
  number: 482,
  method: HsmService.method.getToken,
  permission: "token:read",
  scope: "namespace",
  effect: "read",
});
