import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

/** Decrypting is what it is to the caller; decapsulating is what it does with the key. */
export const hpkeOpen = operation({
  number: 145,
  method: HsmService.method.hpkeOpen,
  permission: "crypto:decrypt",
  scope: "key",
  effect: "use",
  usage: "decapsulate",
  other: { use: "derive", keyId: (request) => request.pskKeyId },
});
