import { listBudgets as operation } from "@keystead/contract/operations/list-budgets";
import { budgetMessage } from "./budget-message.ts";
import { handler } from "./handler.ts";

/** The budgets of a namespace. */
export const listBudgets = handler(operation, async ({ namespace }, { budgets, objects }) => {
  await objects.describeNamespace(namespace);
  return { reply: { budgets: budgets.list(namespace).map(budgetMessage) } };
});
