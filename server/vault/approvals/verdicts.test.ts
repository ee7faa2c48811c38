/** Whose word counts, for what, and whose never does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import type { Principal } from "../authenticate/principal.ts";
import { approver, person } from "../testing/approvers.ts";
import { codeAs } from "../testing/asking.ts";
import { BOB, CAROL, DAVE, EVERYBODY, RULE, document, finished, govern, held, refusal, say, vaultWith } from "./testing/dual-control.ts";

test("seen elsewhere, not here: a role of the same name in another tenant does not count", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const stranger = person("bob", ["KeyAdmin"], ["tenant"]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await refusal(say(vault, BOB, id, "approve", "", stranger))).code, "OBJECT_NOT_FOUND");
  assert.equal(document(vault, id).state, "pending");
});

test("seen elsewhere, not here: a group of the same name in another tenant does not count, and no group hides in another", async () => {
  const vault = await vaultWith([]);
  await vault.ask(generateKey, { namespace: "tenant", keyId: "t", algorithm: Algorithm.Ed25519 });
  const nobody = { ...BOB, principal: person("bob", []) };
  const [here, there] = ["default", "tenant"].map((namespace) => ({
    groups: { [`${namespace}/officers`]: { members: ["cert:bob"] } },
    bindings: [{ id: "officers", members: [`group:${namespace}/officers`], roles: ["KeyAdmin"], namespaces: [namespace] }],
    approvals: [{ id: "ends", permissions: ["key:destroy"], namespaces: ["*"], quorum: 1, role: "KeyAdmin" }],
  })) as [object, object];
  govern(vault, there);
  const id = await held(vault, deleteKey, { keyId: "k" });
  const approve = { ...nobody.says(id, document(vault, id).subject, "approve"), namespace: "default" };
  assert.equal((await refusal(vault.askAs(nobody.principal, approveRequest, approve))).code, "PERMISSION_DENIED");
  assert.equal(
    (await refusal(vault.askAs(nobody.principal, approveRequest, { ...approve, namespace: "tenant" }))).code,
    "OBJECT_NOT_FOUND",
  );
  govern(vault, here);
  assert.equal((await vault.askAs(nobody.principal, approveRequest, approve)).status, "approved");
  assert.equal((await finished(vault, id)).state, "done");
  assert.throws(
    () =>
      govern(vault, { groups: { "default/all": { members: ["group:default/officers"] }, "default/officers": { members: ["cert:bob"] } } }),
    /cannot be a member of a group/,
  );
});

test("a role that is bound to an address counts from there, at the time of the verdict, and from nowhere else", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  govern(vault, {
    bindings: [
      {
        id: "office",
        members: ["cert:bob"],
        roles: ["KeyAdmin"],
        namespaces: ["*"],
        condition: 'in_range(request.address, "192.0.2.0/24")',
      },
    ],
  });
  const bob = person("bob", ["Operator"]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  const verdict = BOB.says(id, document(vault, id).subject, "approve");
  const from = (address: string): Promise<string> => codeAs(vault.monitor, bob, approveRequest, verdict, address);
  assert.equal(await from("198.51.100.7"), "PERMISSION_DENIED");
  assert.equal(document(vault, id).verdicts.length, 0);
  assert.equal(await from("192.0.2.7"), "OK");
  assert.equal((await finished(vault, id)).state, "done");
  assert.deepEqual(document(vault, id).verdicts[0]?.roles, ["Operator", "KeyAdmin"]);
});

test("seen elsewhere, not here: the requester approves nothing by asking again", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  for (let times = 0; times < 5; times += 1) assert.equal(await held(vault, deleteKey, { keyId: "k" }), id);
  assert.deepEqual([document(vault, id).state, document(vault, id).verdicts.length], ["pending", 0]);
  assert.equal(vault.vault.documents.count("approval"), 1);
});

test("seen elsewhere, not here: the requester never counts, whatever roles and keys he has", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  vault.people.set(BOB.principal.id, BOB.principal);
  const id = await held(vault, deleteKey, { keyId: "k" }, BOB.principal);
  const { code, detail } = await refusal(say(vault, BOB, id));
  assert.deepEqual([code, detail], ["PERMISSION_DENIED", "the requester's own word does not count"]);
});

test("seen elsewhere, not here: the same person through two logins counts once, and not at all for a request of her own", async () => {
  const other = approver({ ...person("bob", ["KeyAdmin"]), id: "jwt:office:bob", method: "token" });
  const vault = await vaultWith([RULE], {
    approverKeys: [...EVERYBODY, other].map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    persons: { bob: ["cert:bob", "jwt:office:bob"] },
  });
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(say(vault, other, id))).detail, /this person has given this verdict before/);
  assert.equal(document(vault, id).state, "pending");
  const own = await held(vault, deleteKey, { keyId: "k" }, BOB.principal);
  assert.match((await refusal(say(vault, other, own))).detail, /the requester's own word/);
});

test("seen elsewhere, not here: a local user is the person whom the user's record names, and so is whoever the configuration maps to that name", async () => {
  const local: Principal = { ...person("bob", ["KeyAdmin"]), id: "user:bobby", method: "local user" };
  const byUser = approver(local);
  const vault = await vaultWith([RULE], {
    approverKeys: [BOB, byUser].map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    persons: { bob: ["cert:bob"] },
  });
  await vault.ask(createUser, {
    name: "bobby",
    person: "bob",
    password: Buffer.from("a long password"),
    roles: ["KeyAdmin"],
    namespaces: ["*"],
  });
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(say(vault, byUser, id))).detail, /this person has given this verdict before/);
  const own = await held(vault, deleteKey, { keyId: "k" }, local);
  assert.match((await refusal(say(vault, BOB, own))).detail, /the requester's own word/);
});

test("what ceremonies, services and logins without a name say never counts", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  for (const method of ["ceremony", "development listener", "service account", "anonymous"] as const)
    assert.match((await refusal(say(vault, BOB, id, "approve", "", { ...BOB.principal, method }))).detail, /no person's/);
});

test("who lacks the role, or shows another's key, does not count", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.match((await refusal(say(vault, DAVE, id))).detail, /none of your roles counts here; asked for: KeyAdmin/);
  assert.match((await refusal(say(vault, BOB, id, "approve", "", CAROL.principal))).detail, /somebody else's/);
  assert.match((await refusal(say(vault, approver(BOB.principal), id))).detail, /there is no such approver key/);
});

test("forged, replayed and mislaid signatures are refused: another request, another verdict, another reason, a changed byte", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  await vault.ask(generateKey, { keyId: "k2", algorithm: Algorithm.Ed25519 });
  const id = await held(vault, deleteKey, { keyId: "k" });
  const other = await held(vault, deleteKey, { keyId: "k2" });
  const { subject } = document(vault, id);
  const right = BOB.says(id, subject, "approve", "");
  const wrong: Record<string, { approvalId: string; approverKey: string; signature: Uint8Array; reason: string }> = {
    "of another request": { ...BOB.says(id, document(vault, other).subject, "approve"), approvalId: id },
    "of another verdict": BOB.says(id, subject, "deny"),
    "of an override": BOB.says(id, subject, "override"),
    "of another reason": { ...right, reason: "otherwise" },
    "of somebody else": { ...CAROL.says(id, subject, "approve"), approverKey: BOB.keyId },
    "of the subject alone": { ...right, signature: BOB.sign(Buffer.from(subject)) },
    "with a changed byte": { ...right, signature: right.signature.with(10, (right.signature[10] as number) ^ 1) },
    "of random bytes": { ...right, signature: randomBytes(64) },
    "of a later expiry": BOB.says(id, subject.replace("2030-01-01T01", "2030-01-01T09"), "approve"),
  };
  for (const [name, request] of Object.entries(wrong)) {
    const { code, detail } = await refusal(vault.askAs(BOB.principal, approveRequest, request));
    assert.deepEqual([code, detail], ["PERMISSION_DENIED", "the signature is not of this request and verdict"], name);
  }
  assert.equal(document(vault, id).verdicts.length, 0);
  assert.equal((await vault.askAs(BOB.principal, approveRequest, right)).status, "approved");
  await finished(vault, id);
  assert.equal((await refusal(vault.askAs(BOB.principal, approveRequest, right))).code, "OBJECT_CHANGED", "replayed");
});

test("an emergency override has its own quorum and reason, and raises an alarm", async () => {
  const vault = await vaultWith([RULE], { override: { quorum: 2, roles: ["Administrator", "Auditor"] } });
  const admin = { ...CAROL, principal: person("carol", ["Administrator"]) };
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await refusal(say(vault, DAVE, id, "override", " "))).code, "PERMISSION_DENIED");
  assert.equal((await refusal(say(vault, BOB, id, "override", "fire", person("bob", ["KeyAdmin"])))).code, "PERMISSION_DENIED");
  assert.equal((await say(vault, DAVE, id, "override", "fire")).status, "pending");
  assert.equal((await say(vault, admin, id, "override", "fire")).status, "approved");
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.overridden], ["done", true]);
  assert.equal(vault.approvals.counters.overrides, 2);
  const alarms = vault.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ message }) => String(message).includes("override"));
  assert.deepEqual(
    alarms.map(({ level, principal, reason }) => [level, principal, reason]),
    [
      ["error", "cert:dave", "fire"],
      ["error", "cert:carol", "fire"],
    ],
  );
  assert.equal((await vault.events("OverrideApproval")).filter(({ outcome }) => outcome === "OK").length, 2);
});

test("without a rule for it there is no override", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.match((await refusal(say(vault, DAVE, id, "override", "fire"))).detail, /there is no emergency override/);
});
