import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const listDeliveries = operation({
  number: 436,
  method: HsmService.method.listDeliveries,
  permission: "sink:read",
  scope: "reach",
  effect: "read",
});
