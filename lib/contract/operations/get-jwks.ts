import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getJwks = operation({
  number: 276,
  method: HsmService.method.getJwks,
  permission: "session:begin",
  scope: "server",
  effect: "read",
  anonymous: true,
});
