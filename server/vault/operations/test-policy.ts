import { testPolicy as operation } from "@keystead/contract/operations/test-policy";
import { handler } from "./handler.ts";
import { answerMessage, supposition } from "./policy-message.ts";

/** What would be decided of many requests. */
export const testPolicy = handler(operation, ({ principal, request }, { policy }) =>
  policy.oneAtATime(principal.id, async () => {
    const examine = await policy.examiner(request.document === "" ? undefined : request.document);
    const answers = [];
    for (const question of request.questions) answers.push(answerMessage(await examine(supposition(question)), question.expect));
    return { reply: { answers, failed: answers.filter(({ asExpected }) => !asExpected).length } };
  }),
);
