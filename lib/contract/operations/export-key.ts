import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const exportKey = operation({
  number: 122,
  method: HsmService.method.exportKey,
  permission: "key:export",
  scope: "key",
  effect: "use",
  demands: ({ plain }) => (plain ? ["key:export_plain"] : []),
  usage: "export",
});
