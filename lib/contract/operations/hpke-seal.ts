import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

/** Encrypting is what it is to the caller; encapsulating is what it does with the key. */
export const hpkeSeal = operation({
  number: 144,
  method: HsmService.method.hpkeSeal,
  permission: "crypto:encrypt",
  scope: "key",
  effect: "use",
  usage: "encapsulate",
  other: { use: "derive", keyId: (request) => request.pskKeyId },
});
