import { algorithmNumber } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { WrappingMechanism } from "@keystead/contract/generated/hsm/hsm_pb";
import { exportKey as operation } from "@keystead/contract/operations/export-key";
import { wipe } from "@keystead/crypto/wipe";
import { grantOf, handler } from "./handler.ts";
import { wrapParams, wrappedFormat, wrappingMechanism } from "./wrapping.ts";

/** A key leaves: encrypted for the holder of a public key, or in plain. Nothing of the vault's own keys has a way here. */
export const exportKey = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const { plain, recipientPublicKey, mechanism, digest } = request;
  if (plain === (recipientPublicKey !== ""))
    throw new HsmError("INVALID_REQUEST", "say how the key leaves: recipient_public_key or plain, one of them");
  if (plain && (mechanism !== WrappingMechanism.UNSPECIFIED || digest !== 0))
    throw new HsmError("MECHANISM_PARAM_INVALID", "mechanism and digest are for a key that is wrapped");
  const { algorithm, version, material } = await objects.openForExport(grantOf(invocation), plain ? "plain" : "wrapped", request.version);
  const common = { keyId: request.keyId, version, algorithm: algorithmNumber(algorithm), format: wrappedFormat(algorithm) };
  if (plain) return { reply: { ...common, keyMaterial: material }, version, secrets: [material] };
  try {
    const { wrapped, scheme } = provider.wrapFor(recipientPublicKey, material, wrapParams(mechanism, digest));
    return { reply: { ...common, wrappedKey: wrapped, mechanism: wrappingMechanism(scheme) }, version };
  } finally {
    wipe(material);
  }
});
