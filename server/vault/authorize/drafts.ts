/**
 * Drafts of policies: a stranger's text, read and compiled on the thread that signs for everybody.
 *
 * So the work is bounded and done in pieces, with everybody else's requests in between. What one decision may cost is bounded
 * when a document is set or tried, and not when it is read from the store: what is in force stays in force.
 */
import { HsmError } from "@keystead/contract/errors";
import type { PolicyApproval, PolicyDenial } from "@keystead/contract/policy/document";
import { isAboutKey } from "@keystead/contract/policy/key-families";
import { parsePolicy } from "@keystead/contract/policy/parse";
import { CompiledPolicy } from "./compile.ts";
import { ConditionMistake } from "./condition-types.ts";
import { compileCondition, type Condition } from "./conditions.ts";
import { findRole } from "./roles.ts";

export const DRAFT_LIMITS = Object.freeze({
  /** Steps of one condition: nodes that are looked at, those inside exists and all once for each element. */
  conditionSteps: 4096,
  /** Steps of all conditions together: about ten milliseconds when a decision looks at every one of them. */
  steps: 16_384,
  /** UTF-16 units of conditions that are compiled before others have their turn; the condition that reaches it is finished. */
  pieceLength: 256,
  /** Steps that are decided before others have their turn; the decision that reaches it is finished. */
  pieceSteps: 2048,
});

/** Lets others have their turn. */
export type Yield = () => Promise<void>;

export const yieldToOthers: Yield = () => new Promise((resolve) => void setImmediate(resolve));

/** Counts work, and yields when there was enough of it. */
export class Turns {
  readonly #piece: number;
  readonly #pause: Yield;
  #done = 0;

  constructor(piece: number, pause: Yield) {
    this.#piece = piece;
    this.#pause = pause;
  }

  /** So much was done. */
  async did(work: number): Promise<void> {
    this.#done += work;
    if (this.#done < this.#piece) return;
    this.#done = 0;
    await this.#pause();
  }
}

/** @throws {ConditionMistake} for a condition that costs each decision too much */
export function affordable(condition: Condition): Condition {
  if (condition.steps > DRAFT_LIMITS.conditionSteps)
    throw new ConditionMistake(`takes ${condition.steps} steps; at most ${DRAFT_LIMITS.conditionSteps} are possible`);
  return condition;
}

/** Reads, checks and compiles a document in pieces. @throws {HsmError} INVALID_REQUEST */
export async function compileDraft(text: string, pause: Yield = yieldToOthers): Promise<CompiledPolicy> {
  const document = parsePolicy(text, findRole);
  await pause();
  const turns = new Turns(DRAFT_LIMITS.pieceLength, pause);
  const conditions = new Map<string, Condition>();
  let steps = 0;
  for (const [part, rules] of [
    ["bindings", document.bindings],
    ["denials", document.denials],
    ["approvals", document.approvals],
  ] as const)
    for (const [index, rule] of rules.entries()) {
      const said = rule.condition;
      if (said === undefined) continue;
      let condition = conditions.get(said);
      if (condition === undefined) {
        try {
          condition = affordable(compileCondition(said));
        } catch (error) {
          if (!(error instanceof ConditionMistake)) throw error;
          throw new HsmError("INVALID_REQUEST", `policy: ${part}[${index}].condition: ${error.message}`);
        }
        conditions.set(said, condition);
        await turns.did(said.length);
      }
      if (condition.aboutKey && "permissions" in rule) requireAboutKeys(rule, `${part}[${index}]`);
      steps += condition.steps;
      if (steps > DRAFT_LIMITS.steps)
        throw new HsmError("INVALID_REQUEST", `policy: its conditions take more than ${DRAFT_LIMITS.steps} steps together`);
    }
  return new CompiledPolicy(document, conditions);
}

/** A denial or approval rule by what keys are, of what is about none, would hold always or never. @throws {HsmError} INVALID_REQUEST */
function requireAboutKeys({ id, permissions }: PolicyDenial | PolicyApproval, at: string): void {
  const other = permissions === "all" ? undefined : permissions.find((permission) => !isAboutKey(permission));
  if (other !== undefined)
    throw new HsmError("INVALID_REQUEST", `policy: ${at}.condition: rule '${id}' looks at keys, and ${other} is not about a key`);
}

/** Work on drafts: one at a time for each principal. */
export class DraftDesk {
  readonly #busy = new Set<string>();

  /** @throws {HsmError} RATE_LIMITED while an earlier one of the principal is under way */
  async one<T>(principal: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(principal))
      throw new HsmError("RATE_LIMITED", "another question about a policy is being answered; ask one after the other", {
        retryAfterSeconds: 1,
      });
    this.#busy.add(principal);
    try {
      return await work();
    } finally {
      this.#busy.delete(principal);
    }
  }
}
