import { HsmError } from "@keystead/contract/errors";
import { explainDecision as operation } from "@keystead/contract/operations/explain-decision";
import { handler } from "./handler.ts";
import { answerMessage, supposition } from "./policy-message.ts";

/** A decision with everything that was looked at. */
export const explainDecision = handler(operation, async ({ principal, request }, { policy }) => {
  const { question, document } = request;
  if (question === undefined) throw new HsmError("INVALID_REQUEST", "question: it is missing");
  const finding = await policy.oneAtATime(principal.id, async () => {
    const examine = await policy.examiner(document === "" ? undefined : document);
    return examine(supposition(question));
  });
  return { reply: { answer: answerMessage(finding, question.expect), steps: [...finding.steps] } };
});
