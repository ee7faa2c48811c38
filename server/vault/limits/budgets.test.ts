import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HsmError } from "@keystead/contract/errors";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { Budgets, type BudgetLimits, type BudgetScope } from "./budgets.ts";

const MINUTE = 60_000;
const KEY: BudgetScope = { namespace: "default", keyId: "k", principal: "" };
const limits = (perMinute: number, perDay = 0): BudgetLimits => ({ perMinute, perDay });

/** A vault's budgets; a start forgets what is in memory. */
async function budgeted() {
  const vault = await ClockedVault.open();
  let budgets = new Budgets(vault.vault.documents, () => vault.now);
  const settle = async (change: { writes: readonly unknown[]; settle(durable: boolean): void }, durable = true): Promise<void> => {
    if (durable)
      await vault.vault.log.append(
        {
          action: "Test",
          authentication: "",
          decision: "allow",
          key: "",
          namespace: "",
          outcome: "OK",
          payload: "",
          principal: "",
          request: "",
          time: "2030-01-01T00:00:00.000Z",
          version: 0,
          records: (change.writes as { digest: string; key: { namespace: string; kind: string; id: string; version: number } }[]).map(
            ({ digest, key }) => ({ digest, name: `${key.namespace}/${key.kind}/${key.id}/${key.version}` }),
          ),
        },
        change.writes as never,
      );
    change.settle(durable);
  };
  return {
    vault,
    get budgets() {
      return budgets;
    },
    set: async (scope: BudgetScope, wanted: BudgetLimits, durable = true): Promise<void> =>
      settle((await budgets.set(scope, wanted, "me")).change, durable),
    remove: async (namespace: string, id: string): Promise<void> => settle(await budgets.remove(namespace, id)),
    async crash(): Promise<void> {
      await vault.reopen(false);
      budgets = new Budgets(vault.vault.documents, () => vault.now);
    },
    /** OK, or the refusal. */
    use: async (keyIds: readonly string[] = ["k"], principal = "p", namespace = "default"): Promise<string> =>
      vault.codeOf((async () => budgets.use(namespace, keyIds, principal))()),
  };
}

const used = async (many: readonly Promise<string>[]): Promise<number> => (await Promise.all(many)).filter((code) => code === "OK").length;

test("a thousand uses at once never exceed a budget, and all of it can be used", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(300, 500));
  assert.equal(await used(Array.from({ length: 1000 }, () => it.use())), 300);
  it.vault.now += MINUTE;
  assert.equal(await used(Array.from({ length: 1000 }, () => it.use())), 200);
  it.vault.now += MINUTE;
  assert.equal(await it.use(), "QUOTA_EXCEEDED");
});

test("the refusal says when there is more, and then there is", async () => {
  const it = await budgeted();
  it.vault.now += 12_345;
  await it.set(KEY, limits(1, 2));
  const refused = async (): Promise<HsmError> =>
    (async () => it.budgets.use("default", ["k"], "p"))().then(
      () => assert.fail("was allowed"),
      (error: HsmError) => error,
    );
  assert.equal(await it.use(), "OK");
  const minute = await refused();
  assert.deepEqual([minute.code, minute.retryAfterSeconds], ["QUOTA_EXCEEDED", 48]);
  assert.match(minute.detail, /minute's budget of key 'k' is used up until 2030-01-01T00:01:00\.000Z/);
  it.vault.now += 48_000;
  assert.equal(await it.use(), "OK");
  it.vault.now += MINUTE;
  const day = await refused();
  assert.match(day.detail, /daily budget .* until 2030-01-02T00:00:00\.000Z/);
  it.vault.now += (day.retryAfterSeconds ?? 0) * 1000;
  assert.equal(await it.use(), "OK");
});

test("whenever it crashes, and however uses race, no minute and no day ever has more uses than its budget", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ uses: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ after: fc.integer({ min: 1, max: 90_000 }) }) },
    { weight: 1, arbitrary: fc.constant({ crash: true }) },
    { weight: 1, arbitrary: fc.record({ back: fc.integer({ min: 1, max: 120_000 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 80 }),
      async (steps, perMinute, perDay) => {
        const it = await budgeted();
        await it.set(KEY, limits(perMinute, perDay));
        const minutes = new Map<number, number>();
        const days = new Map<number, number>();
        // A clock that is set back begins no span anew: what is used then is of the latest span in which anything was.
        let latest = 0;
        for (const one of steps) {
          if ("after" in one) it.vault.now += one.after;
          if ("back" in one) it.vault.now -= one.back;
          if ("crash" in one) await it.crash();
          if (!("uses" in one)) continue;
          const taken = await used(Array.from({ length: one.uses }, () => it.use()));
          if (taken > 0) latest = Math.max(latest, it.vault.now);
          for (const [spans, ms] of [
            [minutes, MINUTE],
            [days, 86_400_000],
          ] as const)
            spans.set(Math.floor(latest / ms), (spans.get(Math.floor(latest / ms)) ?? 0) + taken);
        }
        for (const count of minutes.values()) assert.ok(count <= perMinute, `${count} of ${perMinute} in a minute`);
        for (const count of days.values()) assert.ok(count <= perDay, `${count} of ${perDay} in a day`);
      },
    ),
    { numRuns: 40 },
  );
});

test("a crash loses at most a block, a sixteenth", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(0, 320));
  assert.equal(await it.use(), "OK");
  await it.crash();
  assert.equal(await used(Array.from({ length: 400 }, () => it.use())), 300);
});

test("a use counts in every budget that concerns it, or in none", async () => {
  const it = await budgeted();
  const SCOPES: Record<string, BudgetScope> = {
    key: KEY,
    principal: { namespace: "default", keyId: "", principal: "p" },
    both: { namespace: "default", keyId: "k", principal: "p" },
    all: { namespace: "default", keyId: "", principal: "" },
  };
  for (const [name, scope] of Object.entries(SCOPES))
    await it.set(scope, limits(0, { key: 4, principal: 3, both: 1, all: 6 }[name] as number));
  const counts = () =>
    Object.fromEntries(it.budgets.list("default").map(({ keyId, principal, usedToday }) => [`${keyId}/${principal}`, usedToday]));
  assert.equal(await it.use(["k"], "p"), "OK");
  assert.equal(await it.use(["k"], "p"), "QUOTA_EXCEEDED", "the budget of both is used up");
  assert.deepEqual(counts(), { "/": 1, "/p": 1, "k/": 1, "k/p": 1 });
  assert.equal(await it.use(["k"], "q"), "OK");
  assert.equal(await it.use(["other"], "p"), "OK");
  assert.equal(await it.use(["other", "third"], "p"), "OK", "two keys of one request are one use of the principal");
  assert.equal(await it.use(["other"], "p"), "QUOTA_EXCEEDED");
  assert.deepEqual(counts(), { "/": 4, "/p": 3, "k/": 2, "k/p": 1 });
  assert.equal(await it.use(["k"], "p", "elsewhere"), "OK", "another namespace's key of the same name");
});

test("new limits hold at once, and what was used stays used", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(0, 100));
  assert.equal(await used(Array.from({ length: 10 }, () => it.use())), 10);
  await it.set(KEY, limits(0, 12));
  assert.deepEqual(
    it.budgets.list("default").map(({ usedToday }) => usedToday),
    [10],
  );
  assert.equal(await used(Array.from({ length: 10 }, () => it.use())), 2);
  await it.set(KEY, limits(0, 5));
  assert.equal(await it.use(), "QUOTA_EXCEEDED");
  await it.set(KEY, limits(0, 20));
  assert.equal(await used(Array.from({ length: 20 }, () => it.use())), 8);
  await it.crash();
  assert.equal(await it.use(), "QUOTA_EXCEEDED");
});

test("a change of limits that did not become durable changes nothing and gives nothing", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(0, 32));
  assert.equal(await it.use(), "OK");
  await it.set(KEY, limits(0, 1000), false);
  const more = await used(Array.from({ length: 100 }, () => it.use()));
  assert.ok(more <= 31 && more >= 29, String(more));
});

test("uses that race with a change of limits never exceed the larger of both", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(0, 50));
  const racing = Array.from({ length: 200 }, () => it.use());
  await it.set(KEY, limits(0, 30));
  const racingToo = Array.from({ length: 200 }, () => it.use());
  assert.ok((await used([...racing, ...racingToo])) <= 50);
});

test("a deleted budget limits nobody, and only its own namespace can name it", async () => {
  const it = await budgeted();
  await it.set(KEY, limits(0, 1));
  await it.use();
  const id = it.budgets.list("default")[0]?.id ?? "";
  assert.equal(await it.vault.codeOf(it.remove("elsewhere", id)), "OBJECT_NOT_FOUND");
  assert.equal(await it.vault.codeOf(it.remove("default", "budget-0")), "OBJECT_NOT_FOUND");
  await it.remove("default", id);
  assert.equal(await it.use(), "OK");
  assert.deepEqual(it.budgets.list("default"), []);
});

test("without budgets a use is permitted at once", async () => {
  const it = await budgeted();
  assert.equal(it.budgets.use("default", ["k"], "p"), undefined);
});
