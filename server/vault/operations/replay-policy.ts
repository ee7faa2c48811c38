import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { operationByName } from "@keystead/contract/operations/register";
import { replayPolicy as operation } from "@keystead/contract/operations/replay-policy";
import type { ChainedEvent } from "../audit/event.ts";
import { EVERY_EVENT, handler } from "./handler.ts";
import type { PastDecision } from "./policy-control.ts";

const DEFAULT_LIMIT = 10_000;
/** About a millisecond of decisions. */
const AT_ONCE = 100;

/** Decisions of the log that a draft would have made otherwise. What the caller may not read in the log stays out. */
export const replayPolicy = handler(operation, ({ principal, request, hidden }, { policy, readAudit }) =>
  policy.oneAtATime(principal.id, async () => {
    const decideAgain = await policy.replayer(request.document);
    const { events, next } = await readAudit({
      filter: EVERY_EVENT,
      hidden: hidden(),
      newestFirst: false,
      after: Number(request.after),
      limit: request.limit === 0 ? DEFAULT_LIMIT : request.limit,
    });
    let decisions = 0;
    let undetermined = 0;
    const differences = [];
    for (const { canonical } of events)
      for (const past of decisionsOf(JSON.parse(canonical) as ChainedEvent)) {
        decisions += 1;
        // Others' requests go first, now and then.
        if (decisions % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
        const now = await decideAgain(past);
        if (now === "undetermined") undetermined += 1;
        else if (now.decision !== (past.allowed ? "allow" : "deny"))
          differences.push({
            sequence: BigInt(past.sequence),
            time: timestampFromMs(past.time),
            principal: past.principal,
            operation: past.operation,
            namespace: past.namespace,
            keyId: past.keyId,
            before: past.allowed ? "allow" : "deny",
            after: now.decision,
            rule: now.decision === "approve" ? "approval" : now.rule,
            name: now.decision === "approve" ? now.approvals.join(" ") : now.name,
          });
      }
    return { reply: { differences, decisions, undetermined, next: BigInt(next ?? 0) } };
  }),
);

/** What was decided in an event; what the server did of its own accord, and what failed before a decision, was not. */
function decisionsOf(event: ChainedEvent): PastDecision[] {
  const whole = { action: event.action, key: event.key, demands: event.demands ?? [], outcome: event.outcome, decision: event.decision };
  const items = (event.items ?? []).map((item) => ({
    action: item.action,
    key: item.key,
    demands: item.demands ?? [],
    outcome: item.outcome,
    decision: item.outcome === "PERMISSION_DENIED" ? "refuse" : "allow",
  }));
  if (event.principal === "" || event.principal.startsWith("ceremony:")) return [];
  return [whole, ...items]
    .filter(
      ({ action, decision, outcome }) =>
        operationByName(action) !== undefined && (decision !== "refuse" || outcome === "PERMISSION_DENIED"),
    )
    .map(({ action, key, demands, decision }) => ({
      sequence: event.sequence,
      time: Date.parse(event.time),
      principal: event.principal,
      method: event.authentication,
      operation: action,
      namespace: event.namespace,
      keyId: key,
      demands,
      ...(event.address === undefined ? {} : { address: event.address }),
      allowed: decision !== "refuse",
    }));
}
