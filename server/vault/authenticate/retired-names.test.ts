/** Nobody inherits what was given to somebody else of the same name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteServiceAccount } from "@keystead/contract/operations/delete-service-account";
import { deleteUser } from "@keystead/contract/operations/delete-user";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { person } from "../testing/approvers.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

const FRESH = { name: "ann", roles: ["KeyUser"], namespaces: ["default"] };
const admin = person("admin", ["Administrator"]);

for (const [what, more] of Object.entries({
  "a binding names": { bindings: [{ id: "b", members: ["user:ann", "service:ann"], roles: ["KeyAdmin"], namespaces: ["*"] }] },
  "a group names": { groups: { "*/ops": { members: ["user:ann", "service:ann"] } } },
  "a condition names": {
    bindings: [
      { id: "b", members: ["*"], roles: ["KeyAdmin"], namespaces: ["*"], condition: "principal.id in ['user:ann', 'service:ann']" },
    ],
  },
}))
  test(`a removed name that ${what} is not taken again until that is taken away, also after a restart`, async () => {
    const vault = await ClockedVault.open();
    const set = (document: object, expectedVersion: number) =>
      vault.askAs(admin, setPolicy, { document: JSON.stringify({ format: 1, ...document }), expectedVersion });
    // A name that nobody had yet may be bound before it is made.
    await set(more, 0);
    for (const [make, remove] of [
      [createUser, deleteUser],
      [createServiceAccount, deleteServiceAccount],
    ] as const) {
      await vault.askAs(admin, make as typeof createUser, FRESH);
      await vault.askAs(admin, remove as typeof deleteUser, { name: "ann" });
      assert.equal(await vault.codeOf(vault.askAs(admin, make as typeof createUser, FRESH)), "OBJECT_EXISTS");
    }
    await vault.reopen();
    assert.equal(await vault.codeOf(vault.askAs(admin, createUser, FRESH)), "OBJECT_EXISTS");
    await set({}, 1);
    assert.equal(await vault.codeOf(vault.askAs(admin, createUser, FRESH)), "OK");
    assert.equal(await vault.codeOf(vault.askAs(admin, createServiceAccount, FRESH)), "OK");
    assert.equal(vault.vault.documents.count("retired-name"), 0);
  });

for (const [what, kind, value] of [
  [
    "a grant to them",
    "delegation",
    {
      from: "cert:boss",
      to: "user:ann",
      namespace: "default",
      keyId: "k",
      operation: "Sign",
      permission: "crypto:sign",
      condition: "",
      createdAt: 0,
      expiresAt: 0,
      byCredential: false,
    },
  ],
  ["an approver key of theirs", "approver-key", { id: "key", principal: "user:ann" }],
] as const)
  test(`a removed name is not taken again while there is ${what}`, async () => {
    const vault = await ClockedVault.open();
    await vault.ask(createUser, FRESH);
    await vault.ask(deleteUser, { name: "ann" });
    const write = async (now: unknown): Promise<void> =>
      vault.vault.documents.record("Test", [{ kind, id: "left" }], () => [{ kind, id: "left", value: now }]);
    await write(value);
    assert.equal(await vault.codeOf(vault.ask(createUser, FRESH)), "OBJECT_EXISTS");
    await write(undefined);
    assert.equal(await vault.codeOf(vault.ask(createUser, FRESH)), "OK");
  });

test("a grant that is over gives nobody anything, so it keeps nobody's name", async () => {
  const vault = await ClockedVault.open();
  const grant = { from: "cert:boss", to: "user:ann", namespace: "default", keyId: "k", operation: "Sign", permission: "crypto:sign" };
  const value = { ...grant, condition: "", createdAt: 0, expiresAt: vault.now + 60_000, byCredential: false };
  await vault.ask(createUser, FRESH);
  await vault.ask(deleteUser, { name: "ann" });
  await vault.vault.documents.record("Test", [{ kind: "delegation", id: "g" }], () => [{ kind: "delegation", id: "g", value }]);
  assert.equal(await vault.codeOf(vault.ask(createUser, FRESH)), "OBJECT_EXISTS");
  vault.now += 60_000;
  assert.equal(await vault.codeOf(vault.ask(createUser, FRESH)), "OK");
});

test("names of which nothing is left are forgotten with later removals, and no others", async () => {
  const vault = await ClockedVault.open();
  const bound = { id: "b", members: ["user:kept"], roles: ["KeyUser"], namespaces: ["default"] };
  await vault.askAs(admin, setPolicy, { document: JSON.stringify({ format: 1, bindings: [bound] }), expectedVersion: 0 });
  for (const name of ["kept", "one", "two", "three", "last"]) {
    await vault.ask(createUser, { ...FRESH, name });
    await vault.ask(deleteUser, { name });
  }
  const names = vault.vault.documents.list("retired-name").map(({ id }) => id);
  assert.deepEqual(names.sort(), ["user.kept", "user.last"]);
  assert.equal(await vault.codeOf(vault.ask(createUser, { ...FRESH, name: "kept" })), "OBJECT_EXISTS");
});

test("what those confined to a namespace remove takes that namespace's share, and no room of anybody else", async () => {
  const vault = await ClockedVault.open();
  const names = Array.from({ length: 1024 }, (_, n) => ({ kind: "retired-name" as const, id: `user.n${n}` }));
  const members = names.map(({ id }) => `user:${id.slice("user.".length)}`);
  const group = {
    groups: { "*/left": { members } },
    bindings: [{ id: "b", members: ["group:*/left"], roles: ["KeyUser"], namespaces: ["*"] }],
  };
  await vault.askAs(admin, setPolicy, { document: JSON.stringify({ format: 1, ...group }), expectedVersion: 0 });
  await vault.vault.documents.record("Test", names, () => names.map((name) => ({ ...name, value: { retiredAt: 0, share: ["default"] } })));
  await vault.ask(createUser, FRESH);
  for (const by of ["one", "two"])
    await assert.rejects(vault.askAs(person(by, ["Administrator"], ["default"]), deleteUser, { name: "ann" }), {
      code: "QUOTA_EXCEEDED",
      detail: /of namespace default are remembered/,
    });
  await vault.askAs(admin, deleteUser, { name: "ann" });
});
