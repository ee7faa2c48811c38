/** Policy scripts from the upload to the decision: a whole vault, and the real process that runs them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm, type BatchItemSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { ScriptEngine, ScriptLimits, type UploadScriptRequestSchema } from "@keystead/contract/generated/hsm/scripts_pb";
import { batch } from "@keystead/contract/operations/batch";
import { deleteScript } from "@keystead/contract/operations/delete-script";
import { disableScript } from "@keystead/contract/operations/disable-script";
import { enableScript } from "@keystead/contract/operations/enable-script";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getScript } from "@keystead/contract/operations/get-script";
import { listScripts } from "@keystead/contract/operations/list-scripts";
import { rewrapData } from "@keystead/contract/operations/rewrap-data";
import { sign } from "@keystead/contract/operations/sign";
import { simulateScript } from "@keystead/contract/operations/simulate-script";
import { uploadScript } from "@keystead/contract/operations/upload-script";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import type { Approval } from "../../server/vault/approvals/approval.ts";
import { approver, person } from "../../server/vault/testing/approvers.ts";
import type { ApprovalDemand } from "../../server/vault/gate.ts";
import { ScriptGate } from "../../server/vault/scripts/script-gate.ts";
import { ClockedVault } from "../../server/vault/testing/clocked-vault.ts";
import { launched, wasm } from "./scripts-process.ts";

type Upload = MessageInitShape<typeof UploadScriptRequestSchema>;

interface Judged {
  readonly vault: ClockedVault;
  readonly gate: ScriptGate;
  /** Demands for approval that scripts raised. */
  readonly raised: ApprovalDemand[];
  put(script: string, source: string | Uint8Array, more?: Upload): Promise<void>;
  signs(data?: string, keyId?: string): Promise<string>;
}

async function judged(): Promise<Judged> {
  const { runner } = launched();
  const vault = new ClockedVault();
  vault.scripts = runner;
  const gate = new ScriptGate({ runner, log: vault.log, now: () => vault.now });
  const raised: ApprovalDemand[] = [];
  vault.gates.push(gate.gate, (asked) => {
    raised.push(...asked.raised);
    return undefined;
  });
  await ClockedVault.begin(vault);
  gate.open(vault.vault);
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519, tags: ["payments"] });
  await vault.ask(generateKey, { keyId: "other", algorithm: Algorithm.Ed25519 });
  await vault.ask(generateKey, { keyId: "aes", algorithm: Algorithm.Aes256Gcm });
  return {
    vault,
    gate,
    raised,
    async put(script, source, more = {}) {
      const engine = typeof source === "string" ? ScriptEngine.LUA : ScriptEngine.WASM;
      await vault.ask(uploadScript, { script, engine, source: Buffer.from(source as Uint8Array), ...more });
      await vault.ask(enableScript, { script });
    },
    signs: (data = "x", keyId = "k") =>
      vault.ask(sign, { keyId, data: Buffer.from(data) }).then(
        () => "OK",
        (error: unknown) => (error instanceof HsmError ? error.code : String(error)),
      ),
  };
}

const lua = (body: string): string => `function evaluate(context) ${body} end`;

test("an enabled script refuses what it applies to, and only that; disabled, it refuses nothing", async () => {
  const { vault, put, signs } = await judged();
  await put("never", wasm("(i32.const 0)"), { scope: { tags: ["payments"] } });
  assert.equal(await signs(), "SIGNING_REFUSED");
  assert.equal(await signs("x", "other"), "OK");
  const event = (await vault.events("Sign")).find(({ key }) => key === "k");
  assert.deepEqual(event?.scripts, [{ fuel: 11, name: "never", verdict: "deny", version: 1 }]);
  assert.deepEqual([event?.decision, event?.outcome, event?.key], ["refuse", "SIGNING_REFUSED", "k"]);
  assert.ok(vault.lines.some((line) => line.includes('"script":"never"') && line.includes('"fuel":11')));
  await vault.ask(disableScript, { script: "never" });
  assert.equal(await signs(), "OK");
});

test("a script about a tag is asked when the second key of a request has it", async () => {
  const { vault, put } = await judged();
  await vault.ask(generateKey, { keyId: "guarded", algorithm: Algorithm.Aes256Gcm, tags: ["payments"] });
  await put("never", lua('return "deny"'), { scope: { tags: ["payments"] } });
  const { ciphertext } = await vault.ask(encrypt, { keyId: "aes", plaintext: Buffer.from("x") });
  const rewrap = (targetKeyId: string): Promise<string> => vault.codeOf(vault.ask(rewrapData, { keyId: "aes", targetKeyId, ciphertext }));
  assert.deepEqual([await rewrap("aes"), await rewrap("guarded")], ["OK", "PERMISSION_DENIED"]);
});

test("what a script refuses is PERMISSION_DENIED where nothing is signed, and names the script", async () => {
  const { vault, put } = await judged();
  await put("no-secrets", lua('return "deny"'), { scope: { operations: ["Encrypt"] } });
  const refused = await vault.ask(encrypt, { keyId: "aes", plaintext: Buffer.from("x") }).catch((error: HsmError) => error);
  assert.ok(refused instanceof HsmError);
  assert.deepEqual([refused.code, refused.detail], ["PERMISSION_DENIED", "the policy script no-secrets refuses this"]);
});

test("a script sees the operation, the key, the caller, the time and what is to be signed", async () => {
  const { put, signs } = await judged();
  await put(
    "all-of-it",
    lua(`local c = context
      return c.operation == "Sign" and c.namespace == "default" and c.key.id == "k" and c.key.algorithm == "Ed25519"
        and c.key.tags[1] == "payments" and c.key.state == "active" and c.principal.roles[1] == "Administrator"
        and c.environment.hour == 0 and c.environment.weekday == 2 and c.environment.time == "2030-01-01T00:00:00.000Z"
        and c.request.keyId == "k" and c.request.data == nil and c.simulate == false
        and c.payload.format == "json" and c.payload.json.amount == 5 and #c.payload.sha256 == 64 and "allow" or "deny"`),
  );
  assert.equal(await signs('{"amount":5}'), "OK");
  assert.equal(await signs('{"amount":6}'), "SIGNING_REFUSED");
  assert.equal(await signs('{"amount":6,"amount":5}'), "SIGNING_REFUSED", "an object that says a name twice is not told as one");
});

test("what is not to be signed is told by digest and size alone", async () => {
  const { vault, put } = await judged();
  await put(
    "blind",
    lua('return context.payload.bytes == 6 and context.payload.json == nil and context.payload.text == nil and "allow" or "deny"'),
    { scope: { operations: ["Encrypt"] } },
  );
  await vault.ask(encrypt, { keyId: "aes", plaintext: Buffer.from("secret") });
});

test("what scripts decided is part of the event, with the same fuel for the same input on every run", async () => {
  const { vault, put, signs } = await judged();
  await put("a-amount", lua('return context.payload.json.amount <= 5 and "allow" or "deny"'), { scope: { operations: ["Sign"] } });
  await put("b-length", wasm("(select (i32.const 1) (i32.const 0) (local.get 1))"));
  const [asked, refused] = ['{"amount":5}', '{"amount":6}'];
  for (const order of [asked, refused, asked, asked, refused, "[]"]) await signs(order);
  await vault.ask(encrypt, { keyId: "aes", plaintext: Buffer.from("x") });
  const events = await vault.events("Sign");
  const verdicts = events.map(({ scripts }) => scripts?.map(({ name, version, verdict }) => `${name} ${version} ${verdict}`));
  const [allowed, denied] = [["a-amount 1 allow", "b-length 1 allow"], ["a-amount 1 deny"]];
  assert.deepEqual(verdicts, [allowed, denied, allowed, allowed, denied, ["a-amount 1 error"]]);
  const fuel = events.map(({ scripts }) => JSON.stringify(scripts?.map((script) => script.fuel)));
  assert.equal(new Set([fuel[0], fuel[2], fuel[3]]).size, 1);
  assert.equal(fuel[1], fuel[4]);
  assert.deepEqual(
    (await vault.events("Encrypt"))[0]?.scripts?.map(({ name }) => name),
    ["b-length"],
  );
  assert.equal((await vault.events("EnableScript"))[0]?.scripts, undefined);
});

test("the event of a batch has the scripts of each item, and that of a request that is held back those that hold it", async () => {
  const { vault, put } = await judged();
  await put("limit", lua('return context.payload.text == "big" and "require-approval" or "allow"'), { scope: { operations: ["Sign"] } });
  const item = (data: string): MessageInitShape<typeof BatchItemSchema> => ({
    operation: { case: "sign", value: { keyId: "k", data: Buffer.from(data) } },
  });
  const items = [item("small"), item("big"), item("small")];
  await vault.ask(batch, { items });
  await vault.ask(batch, { items });
  const [one, two] = (await vault.events("Batch")).map((event) => event.items?.map(({ scripts }) => scripts));
  assert.deepEqual(
    one?.map((scripts) => scripts?.map(({ name, verdict }) => `${name} ${verdict}`)),
    [["limit allow"], ["limit require-approval"], ["limit allow"]],
  );
  assert.deepEqual(one?.[0], one?.[2]);
  assert.deepEqual(one, two);
});

test("a script that asks for approval raises a demand with its own quorum", async () => {
  const { put, signs, raised } = await judged();
  await put("two-pairs-of-eyes", wasm("(i32.const 2)"), { approval: { quorum: 2, roles: ["Operator"], expirySeconds: 60 } });
  await signs();
  assert.deepEqual(raised, [
    {
      rule: "script:two-pairs-of-eyes",
      quorum: 2,
      roles: ["Operator"],
      expirySeconds: 60,
      reason: "the policy script two-pairs-of-eyes asks for it",
    },
  ]);
});

test("a script can permit nothing: allow does not give what a role does not", async () => {
  const { vault, put } = await judged();
  await put("generous", wasm("(i32.const 1)"));
  assert.equal(await vault.codeOf(vault.ask(sign, { keyId: "k" }, ["Auditor"])), "PERMISSION_DENIED");
});

test("every script that applies is asked, and one refusal is enough", async () => {
  const { vault, put, signs } = await judged();
  await put("a", wasm("(i32.const 1)"));
  await put("b", wasm("(i32.const 0)"));
  await put("c", wasm("(unreachable)"));
  assert.equal(await signs(), "SIGNING_REFUSED");
  assert.ok(!vault.lines.some((line) => line.includes('"script":"c"')), "after a refusal nobody else is asked");
});

test("no decision is a refusal: an error, a limit, and a process that is not there", async () => {
  const { vault, put, signs } = await judged();
  for (const [name, source] of [
    ["endless", wasm("(loop (br 0)) (i32.const 1)")],
    ["broken", lua("error('x')")],
    ["mute", lua("")],
  ] as const) {
    await put(name, source);
    assert.equal(await signs(), "SIGNING_REFUSED", name);
    await vault.ask(disableScript, { script: name });
  }
  await put("fine", wasm("(i32.const 1)"));
  assert.equal(await signs(), "OK");
  const without = new ScriptGate({ runner: undefined, log: vault.log, now: () => vault.now });
  without.open(vault.vault);
  vault.gates.splice(0, vault.gates.length, without.gate);
  assert.equal(await signs(), "SIGNING_REFUSED");
  vault.scripts = undefined;
  await vault.reopen();
  without.open(vault.vault);
  for (const asked of [vault.ask(enableScript, { script: "fine" }), vault.ask(simulateScript, { script: "fine" })])
    assert.equal(await vault.codeOf(asked), "OPERATION_NOT_SUPPORTED");
  await vault.ask(disableScript, { script: "fine" });
  assert.equal(await signs(), "OK");
});

test("each item of a batch is asked about by itself", async () => {
  const { vault, put } = await judged();
  await put("not-big", lua('return context.environment.batched and context.payload.text ~= "big" and "allow" or "deny"'));
  const item = (data: string): MessageInitShape<typeof BatchItemSchema> => ({
    operation: { case: "sign", value: { keyId: "k", data: Buffer.from(data) } },
  });
  const { results } = await vault.ask(batch, { items: [item("small"), item("big")] });
  assert.deepEqual(
    results.map(({ result }) => result.case),
    ["sign", "error"],
  );
});

test("versions are kept, chosen and outlive the vault; the one in force is the one that judges", async () => {
  const { vault, gate, put, signs } = await judged();
  await put("v", wasm("(i32.const 0)"), { limits: ScriptLimits.STRICT, description: "first" });
  await vault.ask(uploadScript, { script: "v", engine: ScriptEngine.LUA, source: Buffer.from(lua('return "allow"')) });
  assert.equal(await signs(), "SIGNING_REFUSED", "an upload changes nothing");
  await vault.ask(enableScript, { script: "v" });
  assert.equal(await signs(), "OK");
  await vault.ask(enableScript, { script: "v", version: 1 });
  await vault.reopen();
  gate.open(vault.vault);
  assert.equal(await signs(), "SIGNING_REFUSED");
  const { script, source } = await vault.ask(getScript, { script: "v", sourceVersion: 2 });
  assert.equal(Buffer.from(source).toString(), lua('return "allow"'));
  assert.deepEqual(
    [script?.enabled, script?.version, script?.versions.map(({ engine, limits, description }) => [engine, limits, description])],
    [
      true,
      1,
      [
        [ScriptEngine.WASM, ScriptLimits.STRICT, "first"],
        [ScriptEngine.LUA, ScriptLimits.DEFAULT, ""],
      ],
    ],
  );
  assert.equal(await vault.codeOf(vault.ask(enableScript, { script: "v", version: 3 })), "OBJECT_NOT_FOUND");
  assert.equal(await vault.codeOf(vault.ask(deleteScript, { script: "v" })), "INVALID_REQUEST");
  await vault.ask(disableScript, { script: "v" });
  await vault.ask(deleteScript, { script: "v" });
  assert.deepEqual((await vault.ask(listScripts, {})).scripts, []);
  assert.equal(await vault.codeOf(vault.ask(getScript, { script: "v" })), "OBJECT_NOT_FOUND");
});

test("an upload that cannot be run is refused, with the reason", async () => {
  const { vault } = await judged();
  const detail = async (more: Upload): Promise<string> => {
    const error = await vault.ask(uploadScript, { script: "bad", engine: ScriptEngine.WASM, ...more }).catch((thrown: HsmError) => thrown);
    assert.ok(error instanceof HsmError);
    assert.equal(error.code, "INVALID_REQUEST");
    return error.detail;
  };
  assert.match(await detail({ source: Buffer.from("no") }), /not a WebAssembly module/);
  assert.match(await detail({ source: Buffer.from("0061736d01000000010401600000020701016101620000", "hex") }), /imports a\.b/);
  assert.match(await detail({ source: Buffer.from("x ="), engine: ScriptEngine.LUA }), /policy:1/);
  assert.match(await detail({ source: wasm("(i32.const 1)"), scope: { operations: ["Nothing"] } }), /no operation Nothing/);
  assert.match(await detail({ source: wasm("(i32.const 1)"), scope: { operations: ["EnableScript"] } }), /not? operation that scripts/);
});

test("a simulation tells decision and fuel, says that it is one, and touches nothing", async () => {
  const { vault, put } = await judged();
  const source = Buffer.from(lua('return context.simulate and context.environment.hour < 6 and "deny" or "allow"'));
  const night = { engine: ScriptEngine.LUA, source, context: '{"environment":{"hour":3}}' };
  const first = await vault.ask(simulateScript, night);
  assert.equal(first.decision, "deny");
  assert.ok(first.fuel > 0);
  assert.equal((await vault.ask(simulateScript, night)).fuel, first.fuel);
  assert.equal((await vault.ask(simulateScript, { ...night, context: '{"environment":{"hour":9},"simulate":false}' })).decision, "allow");
  await put("bad", wasm("(loop (br 0)) (i32.const 1)"), { scope: { keyIds: ["nobody"] } });
  const { decision, failureReason, fuel } = await vault.ask(simulateScript, { script: "bad" });
  assert.deepEqual([decision, failureReason, fuel], ["", "fuel", 10_000_000]);
  for (const wrong of [{}, { script: "bad", source }, { source }, { script: "bad", context: "[]" }, { script: "bad", context: "{" }])
    assert.equal(await vault.codeOf(vault.ask(simulateScript, wrong)), "INVALID_REQUEST", JSON.stringify(wrong));
  assert.equal(await vault.codeOf(vault.ask(simulateScript, { engine: ScriptEngine.LUA, source }, ["Auditor"])), "PERMISSION_DENIED");
  assert.equal((await vault.ask(simulateScript, { script: "bad" }, ["Auditor"])).failureReason, "fuel");
});

test("a script's demand holds the request back until somebody with the role agrees; the script is asked again before it is done", async () => {
  const { vault, gate, put } = await judged();
  const alice = person("alice", ["Administrator"]);
  const bob = approver(person("bob", ["KeyAdmin"]));
  const settings = { approverKeys: [{ principal: bob.principal.id, publicKey: bob.publicKey }] };
  vault.approvalsConfig = { ...vault.approvalsConfig, ...settings };
  await vault.reopen();
  gate.open(vault.vault);
  vault.people.set(alice.id, alice);
  await put(
    "big-orders",
    lua(`if context.environment.hour >= 20 then return "deny" end
      return context.payload.json.amount > 100 and "require-approval" or "allow"`),
    { scope: { operations: ["Sign"] }, approval: { quorum: 1, roles: ["KeyAdmin"] } },
  );
  const order = (amount: number): { keyId: string; data: Buffer } => ({ keyId: "k", data: Buffer.from(JSON.stringify({ amount })) });
  await vault.askAs(alice, sign, order(100));
  const outcome = async (amount: number, hours: number): Promise<string | undefined> => {
    const held = await vault.askAs(alice, sign, order(amount)).catch((error: HsmError) => error);
    assert.ok(held instanceof HsmError && held.code === "APPROVAL_REQUIRED", String(held));
    const event = (await vault.events("Sign")).at(-1);
    assert.deepEqual(
      [event?.decision, event?.scripts?.map(({ name, verdict }) => [name, verdict])],
      ["pending", [["big-orders", "require-approval"]]],
    );
    const id = held.approvalId as string;
    const kept = (): Approval => vault.vault.documents.get<Approval>("approval", id)?.value as Approval;
    vault.now += hours * 3_600_000;
    await vault.askAs(bob.principal, approveRequest, bob.says(id, kept().subject, "approve"));
    await vault.approvals.execute(id);
    return kept().outcome;
  };
  assert.equal(await outcome(101, 1), "OK");
  assert.equal(await outcome(102, 19), "SIGNING_REFUSED", "what was permitted at one o'clock is refused at eight in the evening");
});
