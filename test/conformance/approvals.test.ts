/**
 * Dual control from outside: a running server with approval rules, people with approver keys, every surface, the command
 * line, a vault that is killed in between, and the check without a server.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPublicKey, generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { operationByName } from "@keystead/contract/operations/register";
import { builtModule, skipModule } from "./pkcs11-module.ts";
import { ROOT, newFolder, serve, type RunningServer } from "./running-server.ts";
import { SURFACES, ask, hangUp, http, overRest, type Answer, type Door, type Reply, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";
import { ENVIRONMENT } from "../environment.ts";

const folder = newFolder();
const PEOPLE = ["bob", "carol", "dave"] as const;
type Name = (typeof PEOPLE)[number];
const keys = {
  bob: generateKeyPairSync("ed25519"),
  carol: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  dave: generateKeyPairSync("ml-dsa-65"),
} as const;
const principalOf = (name: string): string => `jwt:keystead-local:${name}`;
const spki = (key: KeyObject): string => createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64");

let server: RunningServer;
let admin: Door;
const doors = new Map<string, Door>();
const tokens = new Map<string, string>();

before(async () => {
  for (const name of PEOPLE) {
    writeFileSync(join(folder, `${name}.pem`), keys[name].privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    writeFileSync(join(folder, `${name}.pub.pem`), keys[name].publicKey.export({ format: "pem", type: "spki" }));
  }
  server = await serve({
    config: {
      approvals: {
        rules: [
          { name: "ends", operations: ["DeleteKey"], quorum: 2, roles: ["KeyAdmin"], reason: "keys end once" },
          { name: "signs", operations: ["Sign"], key_tags: ["critical"], quorum: 1, roles: ["KeyAdmin"] },
          { name: "closes", operations: ["Seal"], quorum: 1, roles: ["KeyAdmin"] },
        ],
        override: { quorum: 1, roles: ["Administrator"] },
        approver_keys: (["bob", "carol"] as const).map((name) => ({
          principal: principalOf(name),
          public_key: spki(keys[name].privateKey),
        })),
      },
      logging: { level: "info" },
    },
  });
  const ca = server.credential("ca.pem");
  admin = { origin: server.api, ca, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  writeFileSync(join(folder, "ca.pem"), ca);
  for (const name of PEOPLE) {
    const token = await mint(server.credential("token-key.pem"), { sub: name, roles: [name === "dave" ? "Administrator" : "KeyAdmin"] });
    tokens.set(name, token);
    doors.set(name, { origin: server.api, ca, token });
  }
});

after(async () => {
  hangUp();
  await server.stop();
});

const asks = (surface: Surface, door: Door, name: string, request: object): Promise<Answer> => {
  const operation = operationByName(name);
  assert.ok(operation !== undefined, name);
  return ask(surface, door, operation, request as never);
};

async function given(name: string, request: object, door: Door = admin): Promise<Reply> {
  const answer = await asks("gRPC", door, name, request);
  assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
  return answer.reply;
}

/** `keystead` as one of the people. */
async function keystead(name: string, ...args: readonly string[]): Promise<{ exit: number | null; out: string; err: string }> {
  const child = spawn(
    process.execPath,
    [join(ROOT, "keystead.cjs"), ...args, "--endpoint", server.api, "--ca", join(folder, "ca.pem"), "--token", "env:TOKEN"],
    {
      cwd: folder,
      env: { ...ENVIRONMENT, HOME: folder, TOKEN: tokens.get(name) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const exit = await new Promise<number | null>((done) => child.once("close", done));
  return { exit, out, err };
}

/** What `name` says, signed over the text that the documentation describes, by no code of ours. */
function signed(name: Name, approval: Reply, verdict: string, reason = ""): object {
  const subject = JSON.parse(approval["subject"]) as object;
  const members = Object.entries({ ...subject, verdict, reason }).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = `Keystead approval statement, version 1\n${JSON.stringify(Object.fromEntries(members))}`;
  const { privateKey } = keys[name];
  const signature = sign(privateKey.asymmetricKeyType === "ec" ? "sha256" : null, Buffer.from(text), privateKey);
  return { approvalId: approval["id"], approverKey: idOf(name), signature, reason };
}
const idOf = (name: Name): string => hash("sha256", createPublicKey(keys[name].privateKey).export({ format: "der", type: "spki" }), "hex");

const approvalOf = async (id: string, door: Door = admin): Promise<Reply> =>
  (await given("GetApproval", { approvalId: id }, door))["approval"];

/** The request once nothing is under way any more. */
async function settled(id: string, door: Door = admin): Promise<Reply> {
  for (;;) {
    const approval = await approvalOf(id, door);
    if (!["approved", "executing"].includes(stateOf(approval))) return approval;
  }
}
const stateOf = (approval: Reply): string => String(approval["state"]).toLowerCase().replace("approval_state_", "");

test("on REST it is 202 with a place and a time; on the others FAILED_PRECONDITION, 104 and the id", async () => {
  await given("GenerateKey", { keyId: "seen", algorithm: Algorithm.Ed25519 });
  const ids = new Set<string>();
  for (const surface of SURFACES) {
    const answer = await asks(surface, admin, "DeleteKey", { keyId: "seen" });
    assert.deepEqual([answer.ok, answer.code, answer.number], [false, "APPROVAL_REQUIRED", 104], `${surface}: ${answer.text}`);
    if (surface === "REST") assert.equal(answer.status, 202);
    else assert.equal(answer.grpc, 9, surface);
    ids.add(String(answer.approvalId));
  }
  assert.equal(ids.size, 1, "the same request asked again is the same pending request");
  const [id] = ids;
  const rest = await http(admin, "DELETE", "/api/v1/keys/seen");
  assert.deepEqual(
    [rest.status, rest.headers["location"], rest.headers["content-type"]],
    [202, `/api/v1/approvals/${id}`, "application/json"],
  );
  assert.match(String(rest.headers["retry-after"]), /^\d+$/);
  assert.deepEqual(
    ["status", "approval_id"].map((name) => (JSON.parse(rest.body.toString()) as Reply)[name]),
    ["pending", id],
  );
  const place = await overRest(admin, "GET", String(rest.headers["location"]));
  assert.deepEqual([place.status, place.reply["approval"].action, stateOf(place.reply["approval"])], [200, "DeleteKey", "pending"]);
  const list = await overRest(admin, "GET", "/api/v1/approvals");
  assert.ok(list.reply["approvals"].some((one: Reply) => one["id"] === id));
});

test("two people agree, by REST and by command, and the key is gone; the evidence verifies without a server", async () => {
  await given("GenerateKey", { keyId: "doomed", algorithm: Algorithm.Ed25519 });
  const asked = await asks("REST", admin, "DeleteKey", { keyId: "doomed" });
  const id = String(asked.approvalId);
  const first = signed("bob", await approvalOf(id), "approve", "ticket 1") as Record<string, unknown>;
  const agreed = await overRest(
    doors.get("bob") as Door,
    "POST",
    `/api/v1/approvals/${id}/approve`,
    JSON.stringify({
      approver_key: first["approverKey"],
      signature: (first["signature"] as Buffer).toString("base64"),
      reason: "ticket 1",
    }),
  );
  assert.deepEqual([agreed.status, agreed.reply["status"], agreed.reply["approval_id"]], [200, "pending", id], agreed.text);
  const shown = await keystead("carol", "approvals", "show", id);
  assert.equal(shown.exit, 0, shown.err);
  assert.match(shown.out, /operation +DeleteKey/);
  assert.match(shown.out, /approve +jwt:keystead-local:bob/);
  const unsure = await keystead("carol", "approvals", "approve", id, "--key", "carol.pem");
  assert.equal(unsure.exit, 2, "without a terminal nobody was asked");
  const second = await keystead("carol", "approvals", "approve", id, "--key", "carol.pem", "--reason", "ticket 1", "--yes");
  assert.equal(second.exit, 0, second.err);
  assert.match(second.out, /state +done/);
  assert.equal((await asks("gRPC", admin, "Sign", { keyId: "doomed", data: Buffer.from("x") })).ok, false);

  const evidence = await keystead("carol", "approvals", "show", id, "--evidence");
  writeFileSync(join(folder, "evidence.json"), evidence.out);
  const trusted = ["--trust", "bob.pub.pem", "--trust", "carol.pub.pem"];
  const good = await keystead("carol", "approvals", "verify", "evidence.json", ...trusted);
  assert.equal(good.exit, 0, `${good.out}${good.err}`);
  assert.equal((await keystead("carol", "approvals", "verify", id, ...trusted)).exit, 0);
  assert.equal((await keystead("carol", "approvals", "verify", "evidence.json", "--trust", "dave.pub.pem")).exit, 1);
  writeFileSync(join(folder, "altered.json"), evidence.out.replaceAll("doomed", "spared"));
  const altered = await keystead("carol", "approvals", "verify", "altered.json", ...trusted);
  assert.equal(altered.exit, 1, altered.out);
  assert.match(altered.out, /BROKEN/);
});

test("the bytes that the command prints are what is signed, and a signature made elsewhere counts", async () => {
  await given("GenerateKey", { keyId: "elsewhere", algorithm: Algorithm.Ed25519, tags: ["critical"] });
  const { approvalId: id = "" } = await asks("gRPC", admin, "Sign", { keyId: "elsewhere", data: Buffer.from("hello") });
  const { out: statement } = await keystead("bob", "approvals", "show", id, "--bytes", "--reason", "by hand");
  writeFileSync(join(folder, "statement.sig"), sign(null, Buffer.from(statement), keys.bob.privateKey).toString("base64"));
  const { exit, out, err } = await keystead(
    "bob",
    "approvals",
    "approve",
    id,
    "--signature",
    "statement.sig",
    "--approver-key",
    idOf("bob"),
    "--reason",
    "by hand",
    "--yes",
  );
  assert.equal(exit, 0, err);
  assert.match(out, /state +done/);
  const result = await overRest(admin, "GET", `/api/v1/approvals/${id}?with_result=true`);
  assert.ok(Buffer.from(JSON.parse(result.reply["result_json"]).signature, "base64").length === 64);
});

test("the command says what to do, ends with a status of its own, and fetches what came of it", async () => {
  await given("GenerateKey", { keyId: "mine", algorithm: Algorithm.Ed25519, tags: ["critical"] });
  const asked = await keystead("dave", "sign", "mine", "hello", "--json");
  assert.equal(asked.exit, 11, asked.err);
  const id = String(JSON.parse(asked.err).error.approval_id);
  assert.match(asked.err, /keystead approvals result/);
  assert.equal((await keystead("dave", "approvals", "result", id)).exit, 11);
  assert.match((await keystead("dave", "approvals", "list")).out, new RegExp(id));
  assert.equal((await keystead("bob", "approvals", "deny", id, "--key", "bob.pem", "--reason", "no", "--yes")).exit, 0);
  assert.equal((await keystead("dave", "approvals", "result", id)).exit, 4);
  const again = String(JSON.parse((await keystead("dave", "sign", "mine", "hello", "--json")).err).error.approval_id);
  assert.notEqual(again, id);
  assert.equal((await keystead("dave", "approvals", "cancel", again)).exit, 0);
});

test("a key is added by its holder, counts, and ends by revocation", async () => {
  const added = await keystead("dave", "approvals", "keys", "add", "--key", "dave.pem", "--description", "post-quantum", "--json");
  assert.equal(added.exit, 0, added.err);
  assert.equal(JSON.parse(added.out).key.kind, "ML-DSA-65");
  assert.match((await keystead("dave", "approvals", "keys", "list")).out, /ML-DSA-65 +jwt:keystead-local:dave/);
  const wrong = await keystead("bob", "approvals", "keys", "add", "--key", "bob.pub.pem");
  assert.equal(wrong.exit, 2, wrong.err);

  await given("GenerateKey", { keyId: "burning", algorithm: Algorithm.Ed25519 });
  const { approvalId: id = "" } = await asks("gRPC", admin, "DeleteKey", { keyId: "burning" });
  assert.equal((await keystead("dave", "approvals", "override", id, "--key", "dave.pem", "--yes")).exit, 2, "without a reason");
  const done = await keystead("dave", "approvals", "override", id, "--key", "dave.pem", "--reason", "the building burns", "--yes");
  assert.equal(done.exit, 0, done.err);
  assert.match(done.out, /emergency override/);
  const alarm = await server.record(({ level, message }) => level === "error" && message.includes("override"));
  assert.deepEqual([alarm["approval"], alarm["reason"]], [id, "the building burns"]);
  const metrics = await http({ origin: `http://${server.addresses["metrics"]}` }, "GET", "/metrics");
  assert.match(metrics.body.toString(), /hsm_approval_overrides_total 1/);

  assert.equal((await keystead("dave", "approvals", "keys", "revoke", idOf("dave"), "--reason", "drill", "--yes")).exit, 0);
  const { approvalId: next = "" } = await asks("gRPC", admin, "DeleteKey", { keyId: "mine" });
  const refused = await asks(
    "gRPC",
    doors.get("dave") as Door,
    "OverrideApproval",
    signed("dave", await approvalOf(next), "override", "again"),
  );
  assert.deepEqual([refused.code, refused.detail], ["PERMISSION_DENIED", "the approver key is revoked"]);
});

test("a vault that is killed in between goes on where it was, and does nothing twice", async () => {
  await given("GenerateKey", { keyId: "outliving", algorithm: Algorithm.Ed25519 });
  const { approvalId: id = "" } = await asks("gRPC", admin, "DeleteKey", { keyId: "outliving" });
  await given("ApproveRequest", signed("bob", await approvalOf(id), "approve"), doors.get("bob"));
  const from = server.records().length;
  const unsealed = (): Promise<unknown> =>
    server.record((record) => record.message === "unsealed" && server.records().indexOf(record) >= from);
  process.kill(Number(server.pids()["vault"]), "SIGKILL");
  await unsealed();
  const kept = await settled(id);
  assert.deepEqual([stateOf(kept), kept["verdicts"].length], ["pending", 1]);
  await given("ApproveRequest", signed("carol", kept, "approve"), doors.get("carol"));
  assert.equal(stateOf(await settled(id)), "done");
  const { events } = await given("GetAuditLog", { action: "DeleteKey", keyId: "outliving" });
  assert.deepEqual(
    events.map((event: Reply) => [event["outcome"], event["approval_id"]]),
    [
      ["APPROVAL_REQUIRED", id],
      ["OK", id],
    ],
  );
});

test("what is approved may close the vault, once: after the next unseal it is not closed again", async () => {
  const { approvalId: id = "" } = await asks("gRPC", admin, "Seal", {});
  await given("ApproveRequest", signed("bob", await approvalOf(id), "approve"), doors.get("bob"));
  for (;;) {
    const { reply } = await asks("gRPC", admin, "GetStatus", {});
    if (reply["phase"] === "sealed") break;
  }
  const [, encoding = "", secret = ""] =
    /^(base64|hex):(.*)$/.exec(readFileSync(join(server.data, "unseal/master.key"), "utf8").trim()) ?? [];
  await given("Unseal", { secret: Buffer.from(secret, encoding as "base64" | "hex") });
  assert.deepEqual([stateOf(await settled(id)), (await given("GetStatus", {}))["phase"]], ["done", "open"]);
});

test("log and store verify afterwards, without the server", async () => {
  const child = spawn(process.execPath, [join(ROOT, "keystead.cjs"), "audit", "verify", "--data-dir", server.data], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  assert.equal(await new Promise((done) => child.once("close", done)), 0, out);
});

test("every approval in the log holds: from its files without the server, and asked for; and what is altered is told", async () => {
  const evidence = await keystead("dave", "approvals", "list", "--state", "all", "--evidence");
  assert.equal(evidence.exit, 0, evidence.err);
  writeFileSync(join(folder, "all.json"), evidence.out);
  assert.ok((JSON.parse(evidence.out) as unknown[]).length > 5);
  const trusted = ["bob", "carol", "dave"].flatMap((name) => ["--trust", `${name}.pub.pem`]);
  const log = ["approvals", "verify", "--log", join(server.data, "audit")];
  const offline = await keystead("dave", ...log, "all.json", ...trusted);
  assert.equal(offline.exit, 0, `${offline.out}${offline.err}`);
  assert.match(offline.out, /holds {3}\S+ DeleteKey, performed/);
  const asked = await keystead("dave", "approvals", "verify", "--audit");
  assert.equal(asked.exit, 0, `${asked.out}${asked.err}`);
  writeFileSync(join(folder, "all.json"), evidence.out.replaceAll("doomed", "spared"));
  const altered = await keystead("dave", ...log, "all.json");
  assert.equal(altered.exit, 1, altered.out);
  assert.match(altered.out, /BROKEN {2}\S+ DeleteKey: the log knows another request by this id/);
  writeFileSync(join(folder, "all.json"), "[]");
  assert.match((await keystead("dave", ...log, "all.json")).out, /there is no evidence of it/);
});

test("a signature through PKCS#11 that policy holds says how it is approved, and is there when it was", { skip: skipModule }, async () => {
  await given("GenerateKey", { keyId: "held", algorithm: Algorithm.EcdsaP256, tags: ["critical"] });
  const config = join(folder, "pkcs11.yaml");
  const credential = (file: string): string => join(server.data, "credentials", file);
  const files = { ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
  writeFileSync(config, JSON.stringify({ endpoint: server.api, ...files }));
  const program = join(import.meta.dirname, "pkcs11/application.py");
  const application = spawn("python3", [program, builtModule(), "approval", config], { env: { ...ENVIRONMENT } });
  let said = "";
  application.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise((done) => application.once("close", done));
  await Promise.race([new Promise((done) => application.stdout.once("data", done)), ended]);
  const [, id = ""] = /libhsm_pkcs11: Sign waits for approval (\S+):/.exec(said) ?? [];
  assert.equal(said.split("waits for approval").length, 2, `said once: ${said}`);
  const approved = await keystead("bob", "approvals", "approve", id, "--key", "bob.pem", "--reason", "ticket 2", "--yes");
  assert.equal(approved.exit, 0, approved.err);
  await settled(id);
  application.stdin.end("go on\n");
  assert.equal(await ended, 0, said);
});
