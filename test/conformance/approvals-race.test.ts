/**
 * A thousand calls at once about one pending request, by REST and gRPC together on a running server: whatever meets
 * whatever, it is performed at most once, ends in one way, and the log has one event for each call.
 */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { after, before, test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { operationByName } from "@keystead/contract/operations/register";
import { serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, type Answer, type Door, type Reply, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const CALLS = 1000;
/** Calls under way at any moment. */
const LANES = 48;
const SURFACES: readonly Surface[] = ["REST", "gRPC"];
const PEOPLE = ["ann", "ben", "cay", "dan", "eve"];
const keys = new Map<string, KeyObject>(PEOPLE.map((name) => [name, generateKeyPairSync("ed25519").privateKey]));
const spkiOf = (name: string): Buffer => createPublicKey(keys.get(name) as KeyObject).export({ format: "der", type: "spki" });

let server: RunningServer;
let requester: Door;
const doors = new Map<string, Door>();

before(async () => {
  server = await serve({
    config: {
      approvals: {
        rules: [{ name: "turns", operations: ["RotateKey"], quorum: 3, roles: ["KeyAdmin"] }],
        approver_keys: PEOPLE.map((name) => ({ principal: `jwt:keystead-local:${name}`, public_key: spkiOf(name).toString("base64") })),
      },
    },
  });
  const ca = server.credential("ca.pem");
  requester = { origin: server.api, ca, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  for (const sub of PEOPLE)
    doors.set(sub, { origin: server.api, ca, token: await mint(server.credential("token-key.pem"), { sub, roles: ["KeyAdmin"] }) });
});

after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

interface Call {
  readonly name: string;
  readonly request: object;
  readonly door: Door;
}

const asks = (surface: Surface, { name, request, door }: Call): Promise<Answer> =>
  ask(surface, door, operationByName(name) as never, request as never);

async function given(name: string, request: object): Promise<Reply> {
  const answer = await asks("gRPC", { name, request, door: requester });
  assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
  return answer.reply;
}

/** A verdict, signed over the text that the documentation describes. */
function verdictOf(person: string, approval: Reply, verdict: "approve" | "deny"): Call {
  const members = Object.entries({ ...(JSON.parse(approval["subject"]) as object), reason: "", verdict }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const text = `Keystead approval statement, version 1\n${JSON.stringify(Object.fromEntries(members))}`;
  const request = {
    approvalId: approval["id"],
    approverKey: hash("sha256", spkiOf(person), "hex"),
    signature: sign(null, Buffer.from(text), keys.get(person) as KeyObject),
  };
  return { name: verdict === "approve" ? "ApproveRequest" : "DenyRequest", request, door: doors.get(person) as Door };
}

/** The same order every time, in which kinds of calls are mixed. */
function mixed<T>(calls: readonly T[]): T[] {
  const left = [...calls];
  let state = 7;
  return calls.map(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return left.splice(state % left.length, 1)[0] as T;
  });
}

/** Makes a key and a request to rotate it that waits, and lets calls race about it. */
async function race(keyId: string, shares: { readonly deny: number; readonly cancel: number }) {
  await given("GenerateKey", { keyId, algorithm: Algorithm.Ed25519 });
  const retry: Call = { name: "RotateKey", request: { keyId }, door: requester };
  const id = String((await asks("REST", retry)).approvalId);
  const { approval } = await given("GetApproval", { approvalId: id });
  const kinds = {
    deny: (at: number) => verdictOf(PEOPLE[at % PEOPLE.length] as string, approval as Reply, "deny"),
    cancel: () => ({ name: "CancelRequest", request: { approvalId: id }, door: requester }),
    approve: (at: number) => verdictOf(PEOPLE[at % PEOPLE.length] as string, approval as Reply, "approve"),
    retry: () => retry,
  };
  const calls: Call[] = Array.from({ length: CALLS }, (_, at) => {
    if (at < shares.deny) return kinds.deny(at);
    if (at < shares.deny + shares.cancel) return kinds.cancel();
    return at % 2 === 0 ? kinds.approve(at / 2) : kinds.retry();
  });
  const waiting = mixed(calls).entries();
  const answers: { readonly name: string; readonly answer: Answer }[] = [];
  const lane = async (): Promise<void> => {
    for (const [at, call] of waiting)
      answers.push({ name: call.name, answer: await asks(SURFACES[at % SURFACES.length] as Surface, call) });
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  for (;;) {
    const { approval: now } = (await given("GetApproval", { approvalId: id })) as { approval: Reply };
    if (!/APPROVED|EXECUTING/.test(String(now["state"]))) return { id, answers, approval: now, events: await eventsOf(keyId) };
  }
}

/** Every event about the key, the oldest first. */
async function eventsOf(keyId: string): Promise<Reply[]> {
  const events: Reply[] = [];
  for (let pageToken = ""; ;) {
    const page = await given("GetAuditLog", { pageSize: 1000, pageToken, keyId });
    events.push(...(page["events"] as Reply[]));
    pageToken = String(page["next_page_token"]);
    if (pageToken === "") return events;
  }
}

const counted = (answers: readonly { readonly name: string; readonly answer: Answer }[], name: string, code: string): number =>
  answers.filter((one) => one.name === name && (one.answer.code ?? "OK") === code).length;

/** What holds however a race ended. */
async function requireOneEnd({ id, answers, approval, events }: Awaited<ReturnType<typeof race>>, keyId: string): Promise<number> {
  assert.equal(answers.length, CALLS);
  assert.deepEqual(
    [...new Set(answers.map(({ answer }) => answer.code ?? "OK"))].filter(
      (code) => !["OK", "OBJECT_CHANGED", "PERMISSION_DENIED", "APPROVAL_REQUIRED"].includes(code),
    ),
    [],
  );
  const about = (action: string, outcome: string): Reply[] =>
    events.filter((event) => event["action"] === action && event["outcome"] === outcome);
  const runs = about("RotateKey", "OK");
  assert.ok(runs.length <= 1, `${runs.length} runs`);
  assert.ok(runs.every((event) => event["approval_id"] === id));
  const { versions } = (await given("ListVersions", { keyId })) as { versions: Reply[] };
  assert.equal(versions.length, 1 + runs.length);
  assert.equal(String(approval["state"]).endsWith("DONE"), runs.length === 1);
  // One end: it ran, or one person said no, or it was taken back.
  assert.equal(runs.length + counted(answers, "DenyRequest", "OK") + counted(answers, "CancelRequest", "OK"), 1);
  // Nobody who was told that it counts is missing from the request, and nobody counts twice.
  const said = (approval["verdicts"] as Reply[]).map((verdict) => `${verdict["verdict"]} ${verdict["principal"]}`);
  assert.equal(said.length, counted(answers, "ApproveRequest", "OK") + counted(answers, "DenyRequest", "OK"));
  assert.equal(new Set(said).size, said.length);
  // One event for each call, of the outcome that its caller was told; the first request and the run are two more.
  for (const name of ["ApproveRequest", "DenyRequest", "CancelRequest"])
    assert.equal(about(name, "OK").length, counted(answers, name, "OK"), name);
  assert.equal(about("RotateKey", "APPROVAL_REQUIRED").length, 1 + counted(answers, "RotateKey", "APPROVAL_REQUIRED"));
  assert.equal(counted(answers, "RotateKey", "OK"), 0, "asking again never performs");
  return runs.length;
}

test("a thousand approvals and retries at once: performed exactly once, by the first three persons", async () => {
  const raced = await race("approved", { deny: 0, cancel: 0 });
  assert.equal(await requireOneEnd(raced, "approved"), 1);
  assert.equal(raced.approval["verdicts"].length, 3);
});

test("a thousand approvals, denials, cancellations and retries at once: performed at most once, and ended once", async () => {
  await requireOneEnd(await race("contested", { deny: 20, cancel: 20 }), "contested");
});
