import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listVersions = operation({
  number: 166,
  method: HsmService.method.listVersions,
  permission: "key:read",
  scope: "key",
  effect: "read",
});
