import { setBudget as operation } from "@keystead/contract/operations/set-budget";
import { HsmError } from "@keystead/contract/errors";
import { budgetMessage } from "./budget-message.ts";
import { handler } from "./handler.ts";

/** Sets a budget; the key that it is about must exist. */
export const setBudget = handler(operation, async ({ namespace, principal, request }, { budgets, objects }) => {
  const { keyId, perMinute, perDay } = request;
  if (perMinute === 0 && perDay === 0)
    throw new HsmError("INVALID_REQUEST", "per_minute or per_day must be above 0; DeleteBudget removes a budget");
  if (keyId === "") await objects.describeNamespace(namespace);
  else await objects.describe(namespace, keyId);
  const scope = { namespace, keyId, principal: request.principal };
  const { budget, change } = await budgets.set(scope, { perMinute, perDay }, principal.id);
  return { reply: { budget: budgetMessage(budget) }, change };
});
