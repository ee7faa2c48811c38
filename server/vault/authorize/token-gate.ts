/**
 * Holds whoever came by a PIN to what the PIN is for, where permissions alone say too much.
 *
 * A key that is made on the way (derived, agreed on, unwrapped, decapsulated) must be in the token's view like any other; that
 * the keys a request names are in it was decided before (decide.ts). A security officer changes of keys whether they are
 * trusted, and nothing else.
 */
import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import type { Gate } from "../gate.ts";
import { inView } from "../token-view.ts";

export const tokenGate: Gate = ({ principal: { view, officer }, operation, request }) => {
  if (view === undefined) return undefined;
  const { asKey, attributes } = request as {
    readonly asKey?: { readonly algorithm: number; readonly tags: readonly string[] };
    readonly attributes?: object;
  };
  const elsewhere = asKey !== undefined && !inView(view, { algorithm: algorithmName(asKey.algorithm) ?? "", tags: asKey.tags });
  const tooMuch = officer === true && operation.permission === "key:update" && !trustAlone(operation.name, attributes);
  if (elsewhere || tooMuch) throw new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
  return undefined;
};

/** Whether attributes are set, and `trusted` is the only one. */
function trustAlone(operation: string, attributes: object | undefined): boolean {
  const said = Object.entries(attributes ?? {}).filter(
    ([name, value]) => !name.startsWith("$") && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return operation === "SetAttributes" && said.length === 1 && said[0]?.[0] === "trusted";
}
