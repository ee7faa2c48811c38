/**
 * The gate that takes uses from budgets: of every operation that uses a key, and of both keys where it names two. An
 * item of a batch is a use like any other. Reading, managing and ceremonies use nothing.
 */
import type { Gate } from "../gate.ts";
import type { Budgets } from "./budgets.ts";

/** @param budgets undefined while the vault is sealed */
export function budgetGate(budgets: () => Pick<Budgets, "use"> | undefined): Gate {
  return ({ operation, namespace, keyId, otherKeyId, principal }) => {
    if (operation.usage === undefined || keyId === "" || principal.method === "ceremony") return undefined;
    const taking = budgets()?.use(namespace, otherKeyId === "" ? [keyId] : [keyId, otherKeyId], principal.id);
    return taking?.then(() => undefined);
  };
}
