/**
 * The policy on a real server: set over one door, in force on every other, the command line's answers, and the log
 * replayed against a draft.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getPolicy } from "@keystead/contract/operations/get-policy";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { replayPolicy } from "@keystead/contract/operations/replay-policy";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { runIn } from "../../clients/cli/recording-shell.ts";
import { createKeystead } from "@keystead/client/client";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { CARRIES, validMessage } from "./handbook.ts";
import { served } from "./served.ts";
import { ask, SURFACES, type Door } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const DATA = Buffer.from("data");
let alice: Door;
const principal = "jwt:keystead-local:alice";
const policyOf = (more: object): string => JSON.stringify({ format: 1, ...more });

async function set(document: string): Promise<void> {
  const { policy } = await here.given("gRPC", getPolicy, {});
  await here.given("REST", setPolicy, { expectedVersion: policy?.version ?? 0, document });
}

/** A command line, in this process, by the administrator's certificate. */
async function keystead(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const { server } = here;
  const client = createKeystead({
    endpoint: server.api,
    ca: server.credential("ca.pem"),
    cert: server.credential("admin.pem"),
    key: server.credential("admin-key.pem"),
  });
  const { exit, out, err } = await runIn({ client, cwd: server.folder }, ...args);
  return { exit, out: out.toString("utf8"), err };
}

before(async () => {
  await here.as("Auditor");
  await here.given("gRPC", generateKey, { keyId: "open", algorithm: Algorithm.Ed25519, tags: ["cards"] });
  await here.given("gRPC", generateKey, { keyId: "shut", algorithm: Algorithm.Ed25519, tags: ["frozen"] });
  const { api: origin, credential } = here.server;
  alice = { origin, ca: credential("ca.pem"), token: await mint(credential("token-key.pem"), { sub: "alice", roles: [] }) };
});

test("a binding, a denial and its end are in force on every surface with the next request", async () => {
  const signed = async (keyId: string): Promise<Set<string>> => {
    const codes = new Set<string>();
    for (const surface of SURFACES) {
      const answer = await ask(surface, alice, sign, { keyId, data: DATA });
      codes.add(answer.ok ? "OK" : (answer.code ?? ""));
    }
    return codes;
  };
  assert.deepEqual(await signed("open"), new Set(["PERMISSION_DENIED"]));
  const binding = { id: "b", members: [principal], roles: ["KeyUser"], namespaces: ["default"] };
  const denial = { id: "d", members: ["*"], permissions: ["*"], namespaces: ["default"], keys: { tags: ["frozen"] } };
  await set(policyOf({ bindings: [binding], denials: [denial] }));
  assert.deepEqual([await signed("open"), await signed("shut")], [new Set(["OK"]), new Set(["PERMISSION_DENIED"])]);
  for (const surface of SURFACES) {
    const { reply } = await ask(surface, alice, listKeys, {});
    assert.deepEqual(
      (reply["keys"] as { key_id: string }[]).map(({ key_id }) => key_id),
      ["open"],
      surface,
    );
    assert.equal((await ask(surface, here.door, sign, { keyId: "shut", data: DATA })).code, "PERMISSION_DENIED", surface);
  }
  await set(policyOf({}));
  assert.deepEqual([await signed("open"), await signed("shut")], [new Set(["PERMISSION_DENIED"]), new Set(["PERMISSION_DENIED"])]);
});

/** Operations that refuse by what they are asked about, besides the rules. */
const OF_THEIR_OWN = new Set(["ApproveRequest", "DenyRequest", "CancelRequest", "OverrideApproval", "GetApproval", "RevokeApproverKey"]);

for (const surface of ["REST", "gRPC"] as const)
  test(`a role that a binding gives permits over ${surface} what it permits by a credential, operation by operation`, async () => {
    for (const role of ["KeyUser", "Auditor"]) {
      await set(policyOf({ bindings: [{ id: "b", members: [principal], roles: [role], namespaces: ["*"] }] }));
      for (const operation of OPERATIONS) {
        if (operation.anonymous === true || !operation.phases.includes("open")) continue;
        const request = validMessage(operation.method.input);
        const needs = [operation.permission, ...(operation.demands?.(request) ?? [])];
        const carried = needs.every((need) => CARRIES.get(role)?.has(need) === true);
        const answer = await ask(surface, alice, operation, request as never);
        if (!carried) assert.equal(answer.code, "PERMISSION_DENIED", `${role} ${operation.name}`);
        else if (!OF_THEIR_OWN.has(operation.name)) assert.notEqual(answer.code, "PERMISSION_DENIED", `${role} ${operation.name}`);
      }
    }
    await set(policyOf({}));
  });

test("the log is replayed against a draft: what it would refuse, allow and hold back is told, and nothing else", async () => {
  const draft = policyOf({
    bindings: [{ id: "b", members: [principal], roles: ["KeyUser"], namespaces: ["default"], keys: { ids: ["shut"] } }],
    denials: [{ id: "nobody-makes-keys", members: ["*"], permissions: ["key:create"], namespaces: ["*"] }],
  });
  const { differences, decisions } = await here.given("gRPC", replayPolicy, { document: draft });
  const told = new Set(
    (differences as Record<string, string>[]).map((one) =>
      `${one["operation"]} ${one["key_id"]} ${one["before"]} ${one["after"]} ${one["name"] ?? ""}`.trim(),
    ),
  );
  assert.ok(told.has("GenerateKey open allow deny nobody-makes-keys"), [...told].join("; "));
  assert.ok(
    told.has("Sign open allow deny crypto:sign") === false,
    "what a credential must have carried or a rule gave is not guessed away",
  );
  assert.ok(told.has("Sign shut deny allow"), [...told].join("; "));
  assert.ok(decisions > 10);
  const nothing = await here.given("REST", replayPolicy, { document: policyOf({}) });
  assert.deepEqual(nothing["differences"] ?? [], []);
});

test("the command line gets, sets, tests and explains the policy, edits bindings and hands keys on", async () => {
  const file = (name: string, content: unknown): string => {
    const path = join(here.server.folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const draft = file("policy.json", { format: 1, roles: { signer: { permissions: ["crypto:sign"] } } });
  const done = await keystead("policy", "set", draft, "--comment", "signers");
  assert.equal(done.exit, 0, done.err);
  assert.equal((await keystead("bindings", "add", "a", "--member", principal, "--role", "signer", "--in", "default")).exit, 0);
  assert.match((await keystead("bindings", "list")).out, /jwt:keystead-local:alice\s+signer\s+default/);
  const why = await keystead("policy", "explain", principal, "Sign", "--key", "open");
  assert.deepEqual([why.exit, why.out.startsWith("allow"), /a\/signer/.test(why.out)], [0, true, true], why.out + why.err);
  const refused = await keystead("policy", "explain", principal, "Decrypt", "--key", "open");
  assert.deepEqual([refused.exit, refused.out.startsWith("deny (binding crypto:decrypt)")], [1, true], refused.out);
  const questions = file("questions.json", [{ principal, operation: "Sign", namespace: "default", keyId: "open", expect: "deny" }]);
  const tested = await keystead("policy", "test", questions);
  assert.deepEqual([tested.exit, /NOT AS EXPECTED/.test(tested.out)], [1, true], tested.out);
  assert.match((await keystead("policy", "versions")).out, /signers/);
  assert.match((await keystead("policy", "diff", "--draft", draft)).out, /^removed bindings a/m);
  assert.match((await keystead("policy", "replay", draft)).err, /decisions/);
  assert.match((await keystead("policy", "get")).out, /"signer"/);
  assert.match((await keystead("roles", "list")).out, /signer\s+no/);
  assert.match((await keystead("roles", "show", "signer")).out, /crypto:sign/);
  const nobody = await keystead("roles", "show", "nobody");
  assert.equal(nobody.exit, 5, nobody.err);
  const removed = await keystead("bindings", "remove", "a");
  assert.equal(removed.exit, 0, removed.err);
  assert.equal((await keystead("bindings", "remove", "a")).exit, 5);
  const grant = await keystead("grants", "create", "open", "Sign", principal, "--json");
  assert.equal(grant.exit, 0, grant.err);
  assert.equal((await ask("gRPC", alice, sign, { keyId: "open", data: DATA })).ok, true);
  assert.match((await keystead("grants", "list", "open")).out, /jwt:keystead-local:alice/);
  const { grant_id: grantId } = JSON.parse(grant.out) as { grant_id: string };
  assert.equal((await keystead("grants", "revoke", "open", grantId)).exit, 0);
  assert.equal((await ask("gRPC", alice, sign, { keyId: "open", data: DATA })).code, "PERMISSION_DENIED");
  assert.equal((await ask("REST", alice, createGrant, { keyId: "open", grantee: "user:x", operation: "Sign" })).code, "PERMISSION_DENIED");
});
