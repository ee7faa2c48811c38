/**
 * Holds whoever came by a PIN to what the PIN is for, where permissions alone say too much.
 *
 * A key that is made on the way (derived, agreed on, unwrapped, decapsulated) must be in the token's view like any other; that
 * the keys a request names are in it was decided before (decide.ts). A security officer changes of keys and certificates
 * whether they are trusted, and nothing else.
 */
import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import type { Permission } from "@keystead/contract/permissions";
import type { Gate } from "../gate.ts";
import { inView } from "../token-view.ts";

const CHANGES: ReadonlySet<Permission> = new Set<Permission>(["key:update", "object:write"]);

export const tokenGate: Gate = ({ principal: { view, officer }, operation, request }) => {
  if (view === undefined) return undefined;
  const { asKey } = request as { readonly asKey?: { readonly algorithm: number; readonly tags: readonly string[] } };
  const elsewhere = asKey !== undefined && !inView(view, { algorithm: algorithmName(asKey.algorithm) ?? "", tags: asKey.tags });
  const tooMuch = officer === true && CHANGES.has(operation.permission) && !saysTrustAlone(operation.name, request);
  if (elsewhere || tooMuch) throw new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
  return undefined;
};

/** What names the key or object, and is no change of it. */
const NAMES: ReadonlySet<string> = new Set(["namespace", "keyId", "objectId", "private"]);

/** Whether a request changes whether something is trusted, and nothing else of it. */
function saysTrustAlone(operation: string, request: object): boolean {
  const { attributes } = request as { readonly attributes?: object };
  const changes = operation === "SetAttributes" ? attributes : operation === "UpdateStoredObject" ? request : undefined;
  const said = Object.entries(changes ?? {}).filter(
    ([name, value]) => !name.startsWith("$") && !NAMES.has(name) && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return said.length === 1 && said[0]?.[0] === "trusted";
}
