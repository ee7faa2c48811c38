import { deleteBudget as operation } from "@keystead/contract/operations/delete-budget";
import { handler } from "./handler.ts";

/** Removes a budget. */
export const deleteBudget = handler(operation, async ({ namespace, request }, { budgets }) => ({
  reply: {},
  change: await budgets.remove(namespace, request.budgetId),
}));
