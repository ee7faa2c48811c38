/**
 * What a namespace says about its own use: which addresses may, how often, and whether anybody may at all now.
 *
 * The configuration's rules about addresses are authorize/'s and come first; these are the namespace's own, and both must
 * admit. Neither a suspension nor a rule about addresses stands in the way of the operations about namespaces
 * themselves, or nobody could correct them. Ceremonies are the server's own: what is due is done in a suspended
 * namespace too.
 */
import { HsmError } from "@keystead/contract/errors";
import { addressRule, admits, type AddressRule } from "../address-rule.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { Asked, Gate } from "../gate.ts";
import type { NamespaceAttributes } from "../objects/attributes.ts";
import type { Objects } from "../objects/objects.ts";
import type { RateLimits } from "./rate-limits.ts";

/** The namespaces, as the gate asks for them. */
export type KnownNamespaces = Pick<Objects, "knownNamespace" | "describeNamespace">;

const rules = new WeakMap<NamespaceAttributes, AddressRule | null>();

function ruleOf(attributes: NamespaceAttributes): AddressRule | undefined {
  let rule = rules.get(attributes);
  if (rule === undefined) {
    rule = addressRule(attributes.allowedIps ?? [], attributes.deniedIps ?? []) ?? null;
    rules.set(attributes, rule);
  }
  return rule ?? undefined;
}

/** @param namespaces undefined while the vault is sealed */
export function namespaceGate(namespaces: () => KnownNamespaces | undefined, rates: Pick<RateLimits, "namespace">): Gate {
  return (asked) => {
    const { namespace, principal, operation } = asked;
    if (namespace === "" || principal.method === "ceremony" || operation.permission.startsWith("namespace:")) return undefined;
    const all = namespaces();
    const known = all?.knownNamespace(namespace);
    if (known !== undefined) return pass(asked, known, rates);
    return all?.describeNamespace(namespace).then(
      ({ attributes }) => pass(asked, attributes, rates),
      // There is none, and the operation will say so.
      () => undefined,
    );
  };
}

/** @throws {HsmError} PERMISSION_DENIED, KEY_STATE_FORBIDS, RATE_LIMITED */
function pass(
  { namespace, principal, operation, address, batched }: Asked,
  attributes: NamespaceAttributes,
  rates: Pick<RateLimits, "namespace">,
): undefined {
  const rule = ruleOf(attributes);
  if (rule !== undefined && !admits(rule, address)) throw new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
  if ((attributes.suspension ?? attributes.deletion) !== undefined && !(operation.effect === "read" && maySee(principal)))
    throw new HsmError(
      "KEY_STATE_FORBIDS",
      `the namespace '${namespace}' is ${attributes.deletion === undefined ? "suspended" : "to be deleted"}`,
    );
  // A batch is one request; what its items use is counted by budgets.
  const refusal = batched ? undefined : rates.namespace(namespace, attributes.rate);
  if (refusal !== undefined) throw refusal.error;
  return undefined;
}

/** Who may look into a suspended namespace. */
const maySee = ({ permissions }: Principal): boolean => permissions.has("namespace:suspend") || permissions.has("audit:view");

/** Whether a namespace's own rules keep this address out of answers about everything within reach. */
export function concealed(namespaces: KnownNamespaces | undefined, principal: Principal, address: string): (namespace: string) => boolean {
  const sees = principal.method === "ceremony" || principal.permissions.has("namespace:update");
  return (namespace) => {
    const attributes = sees ? undefined : namespaces?.knownNamespace(namespace);
    const rule = attributes === undefined ? undefined : ruleOf(attributes);
    return rule !== undefined && !admits(rule, address);
  };
}
