import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listTokens = operation({
  number: 481,
  method: HsmService.method.listTokens,
  permission: "token:read",
  scope: "server",
  effect: "read",
});
