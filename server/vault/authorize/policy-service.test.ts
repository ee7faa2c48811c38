import assert from "node:assert/strict";
import { hash, verify, createPublicKey } from "node:crypto";
import { test, type TestContext } from "node:test";
import { Algorithm, Kdf } from "@keystead/contract/generated/hsm/hsm_pb";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { diffPolicy } from "@keystead/contract/operations/diff-policy";
import { explainDecision } from "@keystead/contract/operations/explain-decision";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getNamespace } from "@keystead/contract/operations/get-namespace";
import { getKey } from "@keystead/contract/operations/get-key";
import { getPolicy } from "@keystead/contract/operations/get-policy";
import { listGrants } from "@keystead/contract/operations/list-grants";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listNamespaces } from "@keystead/contract/operations/list-namespaces";
import { listPolicyVersions } from "@keystead/contract/operations/list-policy-versions";
import { listRoles } from "@keystead/contract/operations/list-roles";
import { revokeGrant } from "@keystead/contract/operations/revoke-grant";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { testPolicy } from "@keystead/contract/operations/test-policy";
import { updateKey } from "@keystead/contract/operations/update-key";
import type { Operation } from "@keystead/contract/operation";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { HsmError } from "@keystead/contract/errors";
import { replayPolicy } from "@keystead/contract/operations/replay-policy";
import type { Permission } from "@keystead/contract/permissions";
import type { Principal } from "../authenticate/principal.ts";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

const DATA = Buffer.from("data");
const admin = person("user:admin", ["Administrator"]);
const alice = person("user:alice");

/** A vault with some keys, and ways to ask it. */
async function vaultOf(t: TestContext) {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  await askAs(vault.monitor, admin, createNamespace, { namespace: "retail" });
  for (const [namespace, keyId, algorithm, tags] of [
    ["default", "rsa", Algorithm.Rsa2048, ["cards"]],
    ["default", "ed", Algorithm.Ed25519, ["cards", "frozen"]],
    ["default", "ec", Algorithm.EcdsaP256, []],
    ["retail", "ed", Algorithm.Ed25519, ["cards"]],
  ] as const)
    await askAs(vault.monitor, admin, generateKey, { namespace, keyId, algorithm, tags: [...tags] });
  let version = 0;
  return {
    vault,
    set: async (document: object, by = admin) => {
      const { policy } = await askAs(vault.monitor, by, setPolicy, {
        expectedVersion: version,
        document: JSON.stringify({ format: 1, ...document }),
      });
      version += 1;
      return policy;
    },
    signs: (who: Principal, keyId: string, namespace = "default", address?: string) =>
      codeAs(vault.monitor, who, sign, { namespace, keyId, data: DATA }, address),
  };
}

const BINDING = { id: "b", members: ["user:alice"], roles: ["KeyUser"], namespaces: ["default"] };

test("a binding gives a role at once, and a document without it takes it back", async (t) => {
  const { signs, set, vault } = await vaultOf(t);
  assert.equal(await signs(alice, "ed"), "PERMISSION_DENIED");
  await set({ bindings: [BINDING] });
  assert.equal(await signs(alice, "ed"), "OK");
  assert.equal(await signs(alice, "ed", "retail"), "PERMISSION_DENIED");
  assert.equal(await codeAs(vault.monitor, alice, generateKey, { keyId: "new", algorithm: Algorithm.Ed25519 }), "PERMISSION_DENIED");
  await set({});
  assert.equal(await signs(alice, "ed"), "PERMISSION_DENIED");
});

test("versions are signed, chained and kept over a restart, and what is set is compared with what was expected", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  const one = await set({ bindings: [BINDING] });
  const two = await set({ bindings: [{ ...BINDING, description: "again" }] });
  assert.equal(two?.previous, one?.digest);
  assert.equal(await codeAs(vault.monitor, admin, setPolicy, { expectedVersion: 1, document: '{"format":1}' }), "OBJECT_CHANGED");
  // The same once more, by somebody who did not get the answer, changes nothing.
  assert.equal(
    await codeAs(vault.monitor, admin, setPolicy, {
      expectedVersion: 1,
      document: JSON.stringify({ bindings: [{ ...BINDING, description: "again" }], format: 1 }),
    }),
    "OK",
  );
  await vault.reopen();
  const { policy, statement, document } = await askAs(vault.monitor, admin, getPolicy, {});
  assert.equal(policy?.version, 2);
  assert.equal(hash("sha256", statement, "hex"), policy.digest);
  const signed = JSON.parse(statement) as { document: object; version: number; previous: string };
  assert.deepEqual([signed.version, signed.previous, signed.document], [2, one?.digest, JSON.parse(document)]);
  const key = createPublicKey({ key: Buffer.from(policy.publicKey), format: "raw-public", asymmetricKeyType: "ed25519" });
  assert.ok(verify(null, Buffer.from(statement), key, policy.signature));
  assert.ok(!verify(null, Buffer.from(statement.replace("alice", "mallo")), key, policy.signature));
  assert.equal(await signs(alice, "ed"), "OK");
  const { policies } = await askAs(vault.monitor, admin, listPolicyVersions, {});
  assert.deepEqual(
    policies.map(({ version, author }) => `${version} ${author}`),
    ["2 user:admin", "1 user:admin"],
  );
  const { differences } = await askAs(vault.monitor, admin, diffPolicy, { fromVersion: 1 });
  assert.deepEqual(
    differences.map(({ change, part, name }) => `${change} ${part} ${name}`),
    ["changed bindings b"],
  );
  assert.equal(await codeAs(vault.monitor, admin, getPolicy, { version: 3 }), "OBJECT_NOT_FOUND");
});

test("a stored version whose statement was not signed by this vault keeps the vault from opening its policy", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({});
  const { openPolicy } = await import("./policy-service.ts");
  const documents = vault.vault.documents;
  const stored = (await documents.read<Record<string, unknown>>("policy", "v00000001"))?.value ?? assert.fail();
  for (const forged of [
    { ...stored, document: '{"bindings":[],"format":1}' },
    { ...stored, author: "user:mallory" },
    { ...stored, signature: Buffer.alloc(64).toString("base64") },
    { ...stored, version: 2 },
    { ...stored, previous: "1".repeat(64) },
  ]) {
    await documents.record("Forged", [{ kind: "policy", id: "v00000001" }], () => [{ kind: "policy", id: "v00000001", value: forged }]);
    await assert.rejects(
      openPolicy({ documents, authorizer: vault.authorizer, keyFacts: () => assert.fail(), standing: () => undefined, now: () => 0 }),
      { code: "INTEGRITY_FAILURE" },
    );
  }
});

test("a document that would shut its author out is refused, as is one with a wrong condition", async (t) => {
  const { vault } = await vaultOf(t);
  const refused = (document: object): Promise<string> =>
    askAs(vault.monitor, admin, setPolicy, { document: JSON.stringify({ format: 1, ...document }) }).then(
      () => "OK",
      (error: Error & { detail: string }) => error.detail,
    );
  assert.match(
    await refused({ denials: [{ id: "d", members: ["*"], permissions: ["*"], namespaces: ["*"] }] }),
    /could not set another one/,
  );
  assert.match(
    await refused({ denials: [{ id: "d", members: ["user:*"], permissions: ["policy:update"], namespaces: ["*"] }] }),
    /could not set/,
  );
  assert.match(
    await refused({ bindings: [{ ...BINDING, condition: "request.nobody" }] }),
    /bindings\[0\]\.condition: there is no variable/,
  );
  assert.equal(await refused({ denials: [{ id: "d", members: ["*"], permissions: ["policy:update"], namespaces: ["default"] }] }), "OK");
});

test("an approval rule with namespaces about what is the server's is refused by its name", async (t) => {
  const { vault } = await vaultOf(t);
  const approvals = (namespaces: string[]): string =>
    JSON.stringify({
      format: 1,
      approvals: [{ id: "calm", permissions: ["key:destroy", "policy:update"], namespaces, quorum: 1, role: "KeyAdmin" }],
    });
  const setting = askAs(vault.monitor, admin, setPolicy, { document: approvals(["default"]) });
  await assert.rejects(setting, { detail: /approval rule calm: policy:update is about the server/ });
  assert.equal(await codeAs(vault.monitor, admin, setPolicy, { document: approvals(["*"]) }), "OK");
});

test("LIST does not bypass deny: a key that may not be read is in no list, no search and no count", async (t) => {
  const { set, vault } = await vaultOf(t);
  const reader = person("user:reader", ["Auditor"]);
  const listed = async (): Promise<[string[], bigint | number, string[]]> => {
    const all = await askAs(vault.monitor, reader, listKeys, {});
    const found = await askAs(vault.monitor, reader, findObjects, {});
    return [all.keys.map(({ keyId }) => keyId), all.total, found.keys.map(({ keyId }) => keyId)];
  };
  assert.deepEqual(await listed(), [["ec", "ed", "rsa"], 3, ["ec", "ed", "rsa"]]);
  await set({
    denials: [{ id: "d", members: ["*"], permissions: ["key:read"], namespaces: ["default"], keys: { ids: ["ec"], tags: ["frozen"] } }],
  });
  assert.deepEqual(await listed(), [["rsa"], 1, ["rsa"]]);
  assert.equal(await codeAs(vault.monitor, reader, getKey, { keyId: "ec" }), "PERMISSION_DENIED");
  assert.equal(await codeAs(vault.monitor, reader, getKey, { keyId: "rsa" }), "OK");
  await set({ denials: [{ id: "d", members: ["*"], permissions: ["key:read", "namespace:read"], namespaces: ["default"] }] });
  assert.equal(await codeAs(vault.monitor, reader, listKeys, {}), "PERMISSION_DENIED");
  assert.deepEqual(
    (await askAs(vault.monitor, reader, listNamespaces, {})).namespaces.map(({ namespace }) => namespace),
    ["retail"],
  );
});

test("who may see some keys sees those in a list, and namespaces only where a role lets him", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({
    bindings: [
      { ...BINDING, keys: { tags: ["cards"] } },
      { id: "ns", members: ["user:alice"], roles: ["Auditor"], namespaces: ["retail"] },
    ],
  });
  const names = async (namespace: string): Promise<string[]> =>
    (await askAs(vault.monitor, alice, listKeys, { namespace })).keys.map(({ keyId }) => keyId);
  assert.deepEqual([await names("default"), await names("retail")], [["ed", "rsa"], ["ed"]]);
  assert.deepEqual(
    (await askAs(vault.monitor, alice, listNamespaces, {})).namespaces.map(({ namespace }) => namespace),
    ["retail"],
  );
});

test("a condition that leaves keys out leaves them out of lists, searches and counts", async (t) => {
  const { set, vault } = await vaultOf(t);
  for (const [condition, expected] of [
    ["key.id != 'ec'", ["ed", "rsa"]],
    ["!('frozen' in key.tags)", ["ec", "rsa"]],
    ["key.algorithm != 'Ed25519'", ["ec", "rsa"]],
  ] as const) {
    await set({ bindings: [{ ...BINDING, condition }] });
    const { keys, total } = await askAs(vault.monitor, alice, listKeys, {});
    const searched = (await askAs(vault.monitor, alice, findObjects, {})).keys;
    const ids = (of: readonly { readonly keyId: string }[]): string[] => of.map(({ keyId }) => keyId);
    assert.deepEqual([ids(keys), Number(total), ids(searched)], [expected, 2, expected], condition);
    for (const keyId of ["ec", "ed", "rsa"])
      assert.equal(await codeAs(vault.monitor, alice, getKey, { keyId }), expected.includes(keyId as never) ? "OK" : "PERMISSION_DENIED");
  }
});

test("a condition about keys gives nothing that is about no key: neither the log nor the namespace", async (t) => {
  const { set, vault } = await vaultOf(t);
  const asks = async (): Promise<readonly string[]> => [
    await codeAs(vault.monitor, alice, getAuditLog, { namespace: "default" }),
    await codeAs(vault.monitor, alice, getAuditLog, { namespace: "default", keyId: "ed" }),
    await codeAs(vault.monitor, alice, getNamespace, { namespace: "default" }),
    await codeAs(vault.monitor, alice, getKey, { keyId: "ed" }),
  ];
  const roles = ["Auditor", "KeyUser"];
  const no = "PERMISSION_DENIED";
  for (const condition of ["key.id != 'ec'", "!('gone' in key.tags)", "key.algorithm != 'RSA-2048' || request.address == ''"]) {
    await set({ bindings: [{ ...BINDING, roles, condition }] });
    assert.deepEqual(await asks(), [no, no, no, "OK"], condition);
    assert.equal(await codeAs(vault.monitor, alice, listNamespaces, {}), no);
  }
  await set({ bindings: [{ ...BINDING, roles, condition: "request.address != '192.0.2.1'" }] });
  // Nothing here answers for the log itself: what counts is that it is permitted.
  assert.ok(!(await asks()).includes(no));
});

test("a denial or approval rule of what is about no key, by what keys are, is refused by its name", async (t) => {
  const { set } = await vaultOf(t);
  const condition = "key.id == 'ed'";
  const rule = { id: "log", namespaces: ["default"], permissions: ["crypto:sign", "audit:view"], condition };
  for (const [document, at] of [
    [{ denials: [{ ...rule, members: ["user:alice"] }] }, /denials\[0\].*'log'.*audit:view is not about a key/],
    [{ approvals: [{ ...rule, role: "KeyAdmin", quorum: 1 }] }, /approvals\[0\].*'log'.*audit:view is not about a key/],
  ] as const)
    await assert.rejects(set(document), (error: HsmError) => error.code === "INVALID_REQUEST" && at.test(error.detail));
  await set({ denials: [{ ...rule, members: ["user:alice"], permissions: ["crypto:sign"] }] });
});

test("who may read one namespace's log reads neither another's nor the server's, and a denial of the log hides from a replay", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({ bindings: [{ id: "log", members: ["user:alice"], roles: ["Auditor"], namespaces: ["retail"] }] });
  const hidden = (who: Principal, row: Operation, demands: readonly Permission[] = []): string[] => {
    const kept = vault.authorizer.hiddenFrom(who, "10.0.0.1", row, demands);
    return ["", "default", "retail"].filter((namespace) => kept.has(namespace));
  };
  const log = getAuditLog as unknown as Operation;
  assert.deepEqual(hidden(alice, log), ["", "default"]);
  assert.deepEqual(hidden(person("user:auditor", ["Auditor"]), log), []);
  assert.deepEqual(hidden(person("user:auditor", ["Auditor"], ["retail"]), log), ["", "default"]);
  await set({ denials: [{ id: "d", members: ["user:auditor"], permissions: ["audit:view"], namespaces: ["retail"] }] });
  assert.deepEqual(hidden(person("user:auditor", ["Auditor"]), log), ["retail"]);
  assert.deepEqual(hidden(person("user:auditor", ["Auditor"]), replayPolicy as unknown as Operation, ["audit:view"]), ["retail"]);
});

test("the root namespace spelled another way is no namespace, and reaches nothing", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({ bindings: [BINDING] });
  for (const namespace of ["/", "Default", "default/", "*", ".", "..", " default", "default ", "%64efault", "_server"])
    assert.equal(await codeAs(vault.monitor, alice, sign, { namespace, keyId: "ed", data: DATA }), "INVALID_REQUEST", namespace);
});

test("a group of the same name in another tenant gives nothing here", async (t) => {
  const { set, signs } = await vaultOf(t);
  await set({
    groups: { "default/ops": { members: ["user:alice"] }, "retail/ops": { members: ["user:bob"] } },
    bindings: [{ ...BINDING, members: ["group:default/ops"] }],
  });
  assert.deepEqual([await signs(alice, "ed"), await signs(person("user:bob"), "ed")], ["OK", "PERMISSION_DENIED"]);
});

test("names that a caller chose are never read as patterns", async (t) => {
  const { set, signs } = await vaultOf(t);
  await set({ bindings: [{ ...BINDING, members: ["jwt:https://a:*"] }] });
  for (const id of ["jwt:https://a:8443:x", "jwt:*:x", "jwt:https://*:x", "*", "group:default/ops", "user:*", "jwt:https://a:"])
    assert.equal(await signs(person(id), "ed"), "PERMISSION_DENIED", id);
  assert.equal(await signs(person("jwt:https://a:*"), "ed"), "OK");
});

test("key:use:rsa reaches RSA keys alone, and a condition reads address, tags and the age of the second factor", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  await set({ roles: { rsa: { permissions: ["crypto:sign", "key:use:rsa"] } }, bindings: [{ ...BINDING, roles: ["rsa"] }] });
  assert.deepEqual(
    [await signs(alice, "rsa"), await signs(alice, "ed"), await signs(alice, "none")],
    ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"],
  );
  await set({
    bindings: [{ ...BINDING, condition: 'in_range(request.address, "192.0.2.0/24") && "cards" in key.tags && principal.mfa_age < 60' }],
  });
  const fresh = { ...alice, mfaAt: vault.now - 30_000 };
  assert.equal(await signs(fresh, "ed", "default", "192.0.2.9"), "OK");
  assert.equal(await signs(fresh, "ec", "default", "192.0.2.9"), "PERMISSION_DENIED");
  assert.equal(await signs(fresh, "ed", "default", "10.0.0.1"), "PERMISSION_DENIED");
  assert.equal(await signs(alice, "ed", "default", "192.0.2.9"), "PERMISSION_DENIED");
  vault.now += 31_000;
  assert.equal(await signs(fresh, "ed", "default", "192.0.2.9"), "PERMISSION_DENIED");
});

test("nobody tags a key into his reach, or out of a denial's", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({
    bindings: [{ ...BINDING, roles: ["KeyAdmin"], keys: { tags: ["cards"] } }],
    denials: [{ id: "d", members: ["*"], permissions: ["key:update"], namespaces: ["*"], keys: { tags: ["frozen"] } }],
  });
  const update = (keyId: string, more: object): Promise<string> => codeAs(vault.monitor, alice, updateKey, { keyId, ...more });
  assert.equal(await update("rsa", { addTags: ["blue"] }), "OK");
  assert.equal(await update("ec", { addTags: ["cards"] }), "PERMISSION_DENIED");
  assert.equal(await update("rsa", { removeTags: ["cards"] }), "PERMISSION_DENIED");
  assert.equal(await update("rsa", { addTags: ["frozen"] }), "PERMISSION_DENIED");
  assert.equal(await codeAs(vault.monitor, admin, updateKey, { keyId: "ed", removeTags: ["frozen"] }), "PERMISSION_DENIED");
});

test("a rule about a tag holds for a key that is made on the way and is to carry it", async (t) => {
  const { set, vault } = await vaultOf(t);
  await askAs(vault.monitor, admin, generateKey, { namespace: "default", keyId: "secret", algorithm: Algorithm.GenericSecret });
  const derive = (tags: readonly string[]): Promise<string> =>
    codeAs(vault.monitor, admin, deriveKey, {
      namespace: "default",
      keyId: "secret",
      derivation: { function: Kdf.HKDF },
      asKey: { algorithm: Algorithm.Aes256Gcm, tags: [...tags] },
    });
  const keys = { tags: ["frozen"] };
  await set({ denials: [{ id: "d", members: ["*"], permissions: ["key:create"], namespaces: ["*"], keys }] });
  assert.deepEqual([await derive([]), await derive(["cards"]), await derive(["cards", "frozen"])], ["OK", "OK", "PERMISSION_DENIED"]);
  await set({ approvals: [{ id: "two", permissions: ["key:create"], namespaces: ["*"], keys, quorum: 2, role: "KeyAdmin" }] });
  assert.deepEqual([await derive(["cards"]), await derive(["frozen"])], ["OK", "APPROVAL_REQUIRED"]);
});

test("an approval rule holds a request back, and the one who asked is told so", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  await set({
    bindings: [BINDING],
    approvals: [
      { id: "two", permissions: ["crypto:sign"], namespaces: ["default"], keys: { tags: ["frozen"] }, quorum: 2, role: "KeyAdmin" },
    ],
  });
  assert.equal(await signs(alice, "rsa"), "OK");
  assert.equal(await signs(alice, "ed"), "APPROVAL_REQUIRED");
  const [event] = (await vault.events("Sign")).slice(-1);
  assert.deepEqual([event?.decision, event?.outcome], ["pending", "APPROVAL_REQUIRED"]);
});

test("nobody fills the room for grants that everybody shares", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({ bindings: [BINDING] });
  let grantees = 0;
  const grant = (who: Principal): Promise<string> =>
    codeAs(vault.monitor, who, createGrant, { keyId: "ed", grantee: `user:${grantees++}`, operation: "Sign" });
  for (let made = 0; made < 1000; made += 1) assert.equal(await grant(alice), "OK", String(made));
  assert.deepEqual([await grant(alice), await grant(admin)], ["QUOTA_EXCEEDED", "OK"]);
});

test("grants whose time is over take nobody's room, and are removed as new ones are made", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({ bindings: [BINDING] });
  let grantees = 0;
  const grant = (more: object = {}): Promise<string> =>
    codeAs(vault.monitor, alice, createGrant, { keyId: "ed", grantee: `user:${grantees++}`, operation: "Sign", ...more });
  const expiresAt = { seconds: BigInt(vault.now / 1000 + 60), nanos: 0 };
  for (let made = 0; made < 1000; made += 1) assert.equal(await grant({ expiresAt }), "OK", String(made));
  assert.equal(await grant(), "QUOTA_EXCEEDED");
  vault.now += 60_000;
  for (let made = 0; made < 3; made += 1) assert.equal(await grant(), "OK");
  assert.equal(vault.vault.documents.count("delegation"), 1000 - 3 * 16 + 3);
});

test("a grant hands one operation on one key on, with its condition, until it expires or is taken back", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  const bob = person("user:bob");
  await set({ bindings: [BINDING] });
  const grant = (who: Principal, more: object = {}): Promise<string> =>
    codeAs(vault.monitor, who, createGrant, { keyId: "ed", grantee: "user:bob", operation: "Sign", ...more });
  assert.equal(await grant(alice), "OK");
  assert.deepEqual(
    [await signs(bob, "ed"), await signs(bob, "rsa"), await signs(bob, "ed", "retail")],
    ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"],
  );
  assert.equal(await codeAs(vault.monitor, bob, getKey, { keyId: "ed" }), "PERMISSION_DENIED");
  // What bob holds by a grant alone is not his to hand on.
  assert.equal(
    await codeAs(vault.monitor, bob, createGrant, { keyId: "ed", grantee: "user:carol", operation: "Sign" }),
    "PERMISSION_DENIED",
  );
  const { grants } = await askAs(vault.monitor, alice, listGrants, { keyId: "ed" });
  assert.deepEqual(
    grants.map(({ grantor, grantee, operation }) => [grantor, grantee, operation]),
    [["user:alice", "user:bob", "Sign"]],
  );
  const other = person("user:other", ["KeyUser"]);
  const which = { keyId: "ed", grantId: grants[0]?.grantId ?? "" };
  assert.equal(await codeAs(vault.monitor, other, revokeGrant, which), "PERMISSION_DENIED");
  assert.equal(await codeAs(vault.monitor, alice, revokeGrant, { ...which, keyId: "rsa" }), "OBJECT_NOT_FOUND");
  assert.equal(await codeAs(vault.monitor, alice, revokeGrant, which), "OK");
  assert.equal(await signs(bob, "ed"), "PERMISSION_DENIED");

  assert.equal(await grant(alice, { condition: 'in_range(request.address, "192.0.2.0/24")' }), "OK");
  assert.deepEqual([await signs(bob, "ed"), await signs(bob, "ed", "default", "192.0.2.1")], ["PERMISSION_DENIED", "OK"]);
  const end = vault.now + 60_000;
  assert.equal(await grant(alice, { expiresAt: { seconds: BigInt(Math.floor(end / 1000)), nanos: 0 } }), "OK");
  assert.equal(await signs(bob, "ed"), "OK");
  await vault.reopen();
  assert.equal(await signs(bob, "ed"), "OK");
  vault.now = end;
  assert.equal(await signs(bob, "ed"), "PERMISSION_DENIED");
});

test("a grant is never more than its giver holds, and ends with what its giver holds", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  const bob = person("user:bob");
  await set({ bindings: [{ ...BINDING, keys: { ids: ["ed"] } }] });
  const grant = (who: Principal, more: object): Promise<string> =>
    codeAs(vault.monitor, who, createGrant, { keyId: "ed", grantee: "user:bob", operation: "Sign", ...more });
  for (const [more, code] of [
    [{ keyId: "rsa" }, "PERMISSION_DENIED"],
    [{ operation: "DestroyKey" }, "PERMISSION_DENIED"],
    [{ operation: "CreateGrant" }, "INVALID_REQUEST"],
    [{ operation: "SetPolicy" }, "INVALID_REQUEST"],
    [{ operation: "Melt" }, "INVALID_REQUEST"],
    [{ grantee: "user:alice" }, "INVALID_REQUEST"],
    [{ grantee: "*" }, "INVALID_REQUEST"],
    [{ grantee: "user:*" }, "INVALID_REQUEST"],
    [{ condition: "nobody" }, "INVALID_REQUEST"],
    [{ expiresAt: { seconds: 1n, nanos: 0 } }, "INVALID_REQUEST"],
  ] as const)
    assert.equal(
      await grant(alice, more),
      code,
      JSON.stringify(more, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)),
    );
  assert.equal(await grant(alice, {}), "OK");
  assert.equal(await signs(bob, "ed"), "OK");
  // A denial of the grantee, of the giver, or the end of the giver's role: each ends it.
  await set({ bindings: [BINDING], denials: [{ id: "d", members: ["user:bob"], permissions: ["crypto:sign"], namespaces: ["*"] }] });
  assert.equal(await signs(bob, "ed"), "PERMISSION_DENIED");
  await set({ bindings: [BINDING], denials: [{ id: "d", members: ["user:alice"], permissions: ["crypto:sign"], namespaces: ["*"] }] });
  assert.equal(await signs(bob, "ed"), "PERMISSION_DENIED");
  await set({ bindings: [BINDING] });
  assert.equal(await signs(bob, "ed"), "OK");
  await set({});
  assert.equal(await signs(bob, "ed"), "PERMISSION_DENIED");
});

test("a grant lasts as long as its giver is there and has the role by his record", async (t) => {
  const { set, signs, vault } = await vaultOf(t);
  const record = person("user:alice", ["KeyUser"]);
  vault.standing = (id) => (id === record.id ? record : undefined);
  // Her session ends soon; what her record gives does not end with it.
  const session = { ...record, validUntil: vault.now + 1000 };
  assert.equal(await codeAs(vault.monitor, session, createGrant, { keyId: "ed", grantee: "user:bob", operation: "Sign" }), "OK");
  vault.now += 60_000;
  assert.equal(await signs(person("user:bob"), "ed"), "OK");
  vault.standing = () => person("user:alice", ["Auditor"]);
  assert.equal(await signs(person("user:bob"), "ed"), "PERMISSION_DENIED");
  await set({ bindings: [BINDING] });
  assert.equal(await signs(person("user:bob"), "ed"), "OK");
  vault.standing = () => "gone";
  assert.equal(await signs(person("user:bob"), "ed"), "PERMISSION_DENIED");
});

test("what a credential alone carries is handed on no longer than the credential lasts", async (t) => {
  const { signs, vault } = await vaultOf(t);
  const carrier = person("jwt:https://a:carrier", ["KeyUser"], "all", { validUntil: vault.now + 60_000 });
  assert.equal(await codeAs(vault.monitor, carrier, createGrant, { keyId: "ed", grantee: "user:bob", operation: "Sign" }), "OK");
  assert.equal(await signs(person("user:bob"), "ed"), "OK");
  assert.equal(await signs(person("user:bob", [], ["retail"]), "ed"), "PERMISSION_DENIED");
  vault.now += 60_000;
  assert.equal(await signs(person("user:bob"), "ed"), "PERMISSION_DENIED");
});

test("questions are answered as requests would be, with the rules that were looked at", async (t) => {
  const { set, vault } = await vaultOf(t);
  await set({ bindings: [BINDING] });
  const draft = JSON.stringify({ format: 1, denials: [{ id: "no", members: ["*"], permissions: ["crypto:sign"], namespaces: ["*"] }] });
  const question = { principal: "user:alice", operation: "Sign", namespace: "default", keyId: "ed", expect: "allow" };
  const tested = await askAs(vault.monitor, admin, testPolicy, { questions: [question, { ...question, principal: "user:bob" }] });
  assert.deepEqual([tested.answers.map(({ decision }) => decision), tested.failed], [["allow", "deny"], 1]);
  const drafted = await askAs(vault.monitor, admin, testPolicy, { document: draft, questions: [{ ...question, roles: ["admin"] }] });
  assert.deepEqual(
    drafted.answers.map(({ decision, rule, name, asExpected }) => [decision, rule, name, asExpected]),
    [["deny", "denial", "no", false]],
  );
  const { answer, steps } = await askAs(vault.monitor, admin, explainDecision, { question });
  assert.equal(answer?.decision, "allow");
  assert.deepEqual(
    steps.map(({ rule, name, applies }) => [rule, name, applies]),
    [
      ["credential", "", false],
      ["binding", "b/KeyUser", true],
    ],
  );
  // What concerns the server is judged where it is asked for: in no namespace.
  for (const operation of ["Seal", "SetPolicy"]) {
    const server = { principal: "user:root", operation, namespace: "default", roles: ["admin"], reach: ["*"] };
    assert.equal((await askAs(vault.monitor, admin, explainDecision, { question: server })).answer?.decision, "allow", operation);
    const { answer: confined } = await askAs(vault.monitor, admin, explainDecision, { question: { ...server, reach: ["default"] } });
    assert.deepEqual([confined?.decision, confined?.rule], ["deny", "reach"], operation);
  }
  for (const wrong of [{ operation: "Melt" }, { roles: ["Root"] }, { demands: ["key:melt"] }, { algorithm: "RSA-1" }])
    assert.equal(await codeAs(vault.monitor, admin, explainDecision, { question: { ...question, ...wrong } }), "INVALID_REQUEST");
  const { roles } = await askAs(vault.monitor, admin, listRoles, {});
  assert.ok(roles.some(({ name, builtIn }) => name === "KeyUser" && builtIn));
});
