/**
 * A budget as the public Budget message.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { BudgetSchema } from "@keystead/contract/generated/hsm/limits_pb";
import type { Budget } from "../limits/budgets.ts";

/** The public message. */
export const budgetMessage = ({ id, setAt, ...budget }: Budget): MessageInitShape<typeof BudgetSchema> => ({
  ...budget,
  budgetId: id,
  setAt: timestampFromMs(setAt),
});
