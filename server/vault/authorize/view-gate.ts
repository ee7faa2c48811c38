/**
 * Holds whoever came by the PIN of a token to the token's view in what they make on the way: a key that is derived, agreed on,
 * unwrapped or decapsulated must be in it like any other. That the keys they name are in it was decided before (decide.ts).
 */
import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import type { Gate } from "../gate.ts";
import { inView } from "../token-view.ts";

export const viewGate: Gate = ({ principal: { view }, operation, request }) => {
  const { asKey } = request as { readonly asKey?: { readonly algorithm: number; readonly tags: readonly string[] } };
  if (view === undefined || asKey === undefined) return undefined;
  if (!inView(view, { algorithm: algorithmName(asKey.algorithm) ?? "", tags: asKey.tags }))
    throw new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
  return undefined;
};
