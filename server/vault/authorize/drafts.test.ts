import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { POLICY_LIMITS } from "@keystead/contract/policy/document";
import { explainDecision } from "@keystead/contract/operations/explain-decision";
import { replayPolicy } from "@keystead/contract/operations/replay-policy";
import { testPolicy } from "@keystead/contract/operations/test-policy";
import { codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { compileCondition } from "./conditions.ts";
import { compileDraft, DraftDesk, DRAFT_LIMITS, Turns } from "./drafts.ts";

const denials = (conditions: readonly string[]): string =>
  JSON.stringify({
    format: 1,
    denials: conditions.map((condition, index) => ({
      id: `d${index}`,
      members: ["*"],
      permissions: ["*"],
      namespaces: ["*"],
      condition,
    })),
  });

const detailOf = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => "OK",
    (error: HsmError) => `${error.code} ${error.detail}`,
  );

/** A condition of full length, costly to compile and cheap to evaluate, and each one another. */
const longest = (index: number): string => `${Array(335).fill("1").join("+")}==${index}`.slice(0, POLICY_LIMITS.conditionLength);

test("a condition's steps are the nodes that are looked at, those inside exists and all once for each element", () => {
  const stepsOf = (text: string): number => compileCondition(text).steps;
  assert.equal(stepsOf("true"), 1);
  assert.equal(stepsOf('request.namespace == "a"'), 3);
  assert.ok(stepsOf("[1,2,3].exists(x, x == 2)") >= 64 * 3);
  const [few, many] = [stepsOf('key.tags.exists(t, t == "a")'), stepsOf('key.tags.exists(t, t == "a" || t == "b" || t == "c")')];
  assert.ok(few >= 64 * 3 && many >= few + 2 * 64 * 4, `${few} ${many}`);
  const list = (length: number): string => `[${Array(length).fill(1).join(",")}].all(x, !(x in [${Array(length).fill(2).join(",")}]))`;
  assert.ok(stepsOf(list(200)) > 200 * 200);
});

test("no draft makes one decision take more than so many steps", async () => {
  const product = `[${Array(120).fill(1).join(",")}].all(x,!(x in [${Array(350).fill(2).join(",")}]))`;
  assert.match(await detailOf(compileDraft(denials([product]))), /INVALID_REQUEST policy: denials\[0\]\.condition: takes \d+ steps/);
  const most = `key.tags.all(t, ${Array(12).fill('t != "a"').join(" && ")})`;
  const { steps } = compileCondition(most);
  assert.ok(steps > 2048 && steps <= DRAFT_LIMITS.conditionSteps, String(steps));
  const fit = Math.floor(DRAFT_LIMITS.steps / steps);
  assert.ok((await compileDraft(denials(Array(fit).fill(most)))).weight <= DRAFT_LIMITS.steps + fit);
  assert.match(await detailOf(compileDraft(denials(Array(fit + 1).fill(most)))), /INVALID_REQUEST policy: its conditions take more than/);
});

test("the worst draft is compiled in pieces of one condition, and stops where its steps are used up", async () => {
  const conditions = Array.from({ length: 230 }, (_, index) => longest(index));
  const text = denials(conditions);
  assert.ok(text.length > POLICY_LIMITS.documentBytes * 0.6 && text.length <= POLICY_LIMITS.documentBytes, String(text.length));
  let turns = 0;
  const compiling = compileDraft(text, () => {
    turns += 1;
    return Promise.resolve();
  });
  assert.match(await detailOf(compiling), /INVALID_REQUEST policy: its conditions take more than/);
  // Reading the document is a piece, and each condition is one.
  const compiled = Math.floor(DRAFT_LIMITS.steps / compileCondition(longest(0)).steps) + 1;
  assert.equal(turns, 1 + compiled);
});

test("a group in every rule is not written out into every rule", async () => {
  const members = Array.from({ length: 4096 }, (_, index) => `user:${index}`);
  const bindings = Array.from({ length: 1500 }, (_, index) => ({
    id: `b${index}`,
    members: ["group:default/all"],
    roles: ["KeyUser"],
    namespaces: ["default"],
  }));
  const text = JSON.stringify({ format: 1, groups: { "default/all": { members } }, bindings });
  assert.ok(text.length <= POLICY_LIMITS.documentBytes, String(text.length));
  // Six million entries otherwise, copied once for each rule: it would not end within the test.
  const policy = await compileDraft(text);
  assert.equal(policy.profile({ id: "user:7" }).allowances.length, 1500);
  assert.equal(policy.profile({ id: "user:4096" }).allowances.length, 0);
});

test("decisions on a draft let others have their turn by what they cost, the dearest after each", async () => {
  let pauses = 0;
  const turns = new Turns(DRAFT_LIMITS.pieceSteps, () => {
    pauses += 1;
    return Promise.resolve();
  });
  for (let decision = 0; decision < 10; decision += 1) await turns.did(DRAFT_LIMITS.steps);
  assert.equal(pauses, 10);
  for (let decision = 0; decision < 4096; decision += 1) await turns.did(1);
  assert.equal(pauses, 12);
});

test("one principal has one question under way, and others are not kept from theirs", async () => {
  const desk = new DraftDesk();
  let end!: () => void;
  const first = desk.one("user:a", () => new Promise<void>((resolve) => (end = resolve)));
  assert.match(await detailOf(desk.one("user:a", () => Promise.resolve())), /^RATE_LIMITED/);
  assert.equal(await detailOf(desk.one("user:b", () => Promise.resolve())), "OK");
  end();
  await first;
  assert.equal(await detailOf(desk.one("user:a", () => Promise.reject(new HsmError("INTERNAL", "fails")))), "INTERNAL fails");
  assert.equal(await detailOf(desk.one("user:a", () => Promise.resolve())), "OK");
});

test("of questions about policies that one principal asks at once, one is answered, and another's too", async (t) => {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  const question = { principal: "user:x", operation: "Sign", namespace: "default" };
  const [auditor, other] = [person("user:auditor", ["Auditor"]), person("user:other", ["Auditor"])];
  const document = denials(["true"]);
  const codes = await Promise.all([
    codeAs(vault.monitor, auditor, testPolicy, { document, questions: [question] }),
    codeAs(vault.monitor, auditor, explainDecision, { document, question }),
    codeAs(vault.monitor, auditor, replayPolicy, { document }),
    codeAs(vault.monitor, other, testPolicy, { document, questions: [question] }),
  ]);
  assert.deepEqual(codes, ["OK", "RATE_LIMITED", "RATE_LIMITED", "OK"]);
  assert.equal(await codeAs(vault.monitor, auditor, explainDecision, { document, question }), "OK");
});
