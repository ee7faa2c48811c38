/** namespaces and budgets against stand-ins for the client: what is asked, what is printed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runIn } from "./recording-shell.ts";

const SHOWN = {
  namespace: "pay",
  description: "cards",
  createdAt: new Date(0),
  maxKeys: 0,
  maxSessions: 50,
  sessions: 7,
  state: "active",
  allowedIps: ["10.0.0.0/8"],
  deniedIps: [],
  requestsPerSecond: 5,
  burst: 9,
  suspendedBy: "",
  suspensionReason: "",
  deletionBy: "",
  deletionReason: "",
  keys: 3,
};

const BUDGET = {
  budgetId: "budget-1",
  namespace: "pay",
  keyId: "k",
  principal: "",
  perMinute: 0,
  perDay: 9,
  usedThisMinute: 3,
  usedToday: 4,
  setBy: "",
};

/** Runs a line against a client that remembers what it was asked. */
async function run(...line: readonly string[]) {
  const asked: [string, Record<string, unknown>][] = [];
  const answering = (name: string, answer: object) => ({
    [name]: (request: Record<string, unknown>) => {
      asked.push([name, request]);
      return answer;
    },
  });
  const suspended = { ...SHOWN, state: "suspended", suspendedAt: new Date(0), suspendedBy: "alice", suspensionReason: "theft" };
  const client = {
    ...answering("getNamespace", SHOWN),
    ...answering("updateNamespace", SHOWN),
    ...answering("suspendNamespace", suspended),
    ...answering("resumeNamespace", SHOWN),
    ...answering("deleteNamespace", { ...SHOWN, state: "deletion_scheduled", deletionAt: new Date(0), deletionBy: "alice" }),
    ...answering("cancelNamespaceDeletion", SHOWN),
    ...answering("purgeNamespace", { complete: true, keys: 3, records: 7, digest: "ab" }),
    ...answering("setBudget", BUDGET),
    ...answering("deleteBudget", {}),
    listBudgets: () => [BUDGET],
  };
  const { out, err, exit } = await runIn({ client: client as never }, ...line);
  return { asked, out: out.toString(), err, exit };
}

test("a namespace is shown with its limits, and what is not so is left out", async () => {
  const { out, asked } = await run("namespaces", "show", "pay");
  assert.deepEqual(asked, [["getNamespace", { namespace: "pay" }]]);
  assert.match(out, /state +active\n/);
  assert.match(out, /rate +5 a second, 9 at once\n/);
  assert.match(out, /allowed addresses +10\.0\.0\.0\/8\n/);
  assert.doesNotMatch(out, /denied|suspended|deleted/);
});

test("update asks for what was said and nothing else", async () => {
  const { asked } = await run("namespaces", "update", "pay", "--max-keys", "5", "--allow", "10.0.0.0/8,::1", "--allow", "192.0.2.1");
  assert.deepEqual(asked[0]?.[1], {
    namespace: "pay",
    description: undefined,
    maxKeys: 5,
    maxSessions: undefined,
    requestsPerSecond: undefined,
    burst: undefined,
    addresses: { allowedIps: ["10.0.0.0/8", "::1", "192.0.2.1"], deniedIps: [] },
  });
  const opened = await run("namespaces", "update", "pay", "--any-address");
  assert.deepEqual(opened.asked[0]?.[1]["addresses"], { allowedIps: [], deniedIps: [] });
  const rate = await run("namespaces", "update", "pay", "--rate", "7");
  assert.deepEqual([rate.asked[0]?.[1]["requestsPerSecond"], rate.asked[0]?.[1]["addresses"]], [7, undefined]);
  const sessions = await run("namespaces", "update", "pay", "--max-sessions", "50");
  assert.equal(sessions.asked[0]?.[1]["maxSessions"], 50);
  const both = await run("namespaces", "update", "pay", "--any-address", "--deny", "::1");
  assert.deepEqual([both.exit, both.asked], [2, []]);
});

test("a namespace is shown with its sessions, and how many there may be", async () => {
  const { out } = await run("namespaces", "show", "pay");
  assert.match(out, /sessions +7\nmax sessions +50\n/);
});

test("a suspension says who and why", async () => {
  const { asked, out } = await run("namespaces", "suspend", "pay", "--reason", "theft");
  assert.deepEqual(asked, [["suspendNamespace", { namespace: "pay", reason: "theft" }]]);
  assert.match(out, /suspended +1970-01-01T00:00:00Z by alice\nsuspended because +theft\n/);
  assert.deepEqual((await run("namespaces", "resume", "pay")).asked, [["resumeNamespace", { namespace: "pay" }]]);
});

test("a budget is set for what was named, and shown with what is used of it", async () => {
  const { asked, out } = await run("budgets", "set", "--key", "k", "--per-day", "9");
  assert.deepEqual(asked, [["setBudget", { keyId: "k", principal: undefined, perMinute: undefined, perDay: 9 }]]);
  assert.match(out, /BUDGET +KEY +PRINCIPAL +THIS MINUTE +TODAY\nbudget-1 +k +all +4 of 9\n/);
  assert.match((await run("budgets", "list")).out, /budget-1 +k +all +4 of 9\n/);
  assert.deepEqual((await run("budgets", "delete", "budget-1")).asked, [["deleteBudget", { budgetId: "budget-1" }]]);
  for (const wrong of ["0", "-1", "many", "1.5"]) assert.equal((await run("budgets", "set", "--per-day", wrong)).exit, 2, wrong);
});

test("a namespace is deleted only by who says its name again, and is told what is lost", async () => {
  for (const line of [
    ["namespaces", "delete", "pay"],
    ["namespaces", "delete", "pay", "--confirm", "play"],
    ["namespaces", "delete", "pay", "--confirm", ""],
  ]) {
    const { asked, exit } = await run(...line);
    assert.deepEqual([asked.map(([name]) => name), exit], [["getNamespace"], 2], line.join(" "));
  }
  const { asked, out } = await run("namespaces", "delete", "pay", "--confirm", "pay", "--delay", "2d", "--reason", "over");
  assert.deepEqual(asked.at(-1), ["deleteNamespace", { namespace: "pay", delaySeconds: 172_800, reason: "over" }]);
  assert.match(out, /'pay' with 3 keys will be destroyed at 1970-01-01T00:00:00Z/);
  assert.deepEqual((await run("namespaces", "cancel-delete", "pay")).asked, [["cancelNamespaceDeletion", { namespace: "pay" }]]);
  assert.match((await run("namespaces", "purge", "pay", "--yes")).out, /destroyed: 3 keys, 7 records\ndigest: ab\n/);
  assert.equal((await run("namespaces", "purge", "pay")).exit, 2);
});
