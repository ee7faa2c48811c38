/** Each role does what the table says and nothing else, and nobody sees anything of a namespace that is not theirs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SortOrder } from "@keystead/contract/generated/hsm/hsm_pb";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { restRoutes } from "@keystead/contract/routes";
import { SURFACES, ask, type Answer } from "../surfaces.ts";
import { mint } from "../tokens.ts";
import { SECRET_NAME } from "./refusal.ts";
import { needsItsOwn, refusingVault } from "./refusing-vault.ts";
import { COMES_TO_NOTHING, DATA, OPEN, row } from "./requests.ts";
import { ALIASES, MAY } from "./who-may.ts";

const vault = refusingVault();
const { answerable, numbered, refused, valid } = vault;

test("every operation has a REST route, and a request in this test that the administrator is answered", async () => {
  for (const operation of OPERATIONS) {
    assert.ok(
      restRoutes().some((route) => route.operation === operation),
      operation.name,
    );
    if (["Seal", "Unseal", "CreateNamespace"].includes(operation.name)) continue;
    const nothing = COMES_TO_NOTHING[operation.name];
    if (nothing !== undefined) {
      for (const surface of SURFACES)
        assert.equal(
          (await ask(surface, vault.admin, operation, valid(operation) as never)).code,
          nothing,
          `${operation.name} over ${surface}`,
        );
      continue;
    }
    for (const surface of SURFACES) {
      const answer = await ask(surface, vault.admin, operation, (await answerable(operation)) as never);
      assert.ok(answer.ok, `${operation.name} over ${surface}: ${answer.code} ${answer.detail} ${answer.text.slice(0, 200)}`);
    }
  }
});

for (const [role, may] of [
  ...Object.entries(MAY),
  ...Object.entries(ALIASES).map(([alias, canonical]) => [alias, MAY[canonical] ?? []] as const),
]) {
  test(`${role} may do what the table says and nothing else, over REST`, async () => {
    const door = { ...vault.bearer, token: await mint(vault.tokenKey, { roles: [role], sub: `role-${role}` }) };
    for (const operation of OPERATIONS) {
      // Whoever may seal would end the test; the sealed vault has a test of its own.
      if (operation.name === "Seal" && may.includes("Seal")) continue;
      if (operation.name === "Unseal") continue;
      if (!may.includes(operation.name)) {
        await refused("REST", door, operation, valid(operation), "PERMISSION_DENIED", role);
        continue;
      }
      const request = operation.name === "CreateNamespace" ? { namespace: `made-by-${role.toLowerCase()}` } : await answerable(operation);
      const answer = await ask("REST", door, operation, request as never);
      const nothing = COMES_TO_NOTHING[operation.name];
      if (nothing !== undefined) {
        assert.equal(answer.code, nothing, `${role} ${operation.name}: ${answer.detail}`);
        continue;
      }
      assert.ok(answer.ok, `${role} ${operation.name}: ${answer.code} ${answer.detail}`);
    }
  });
}

test("a batch item that its role may not do is refused in its place, and the others are done", async () => {
  const token = await mint(vault.tokenKey, { roles: ["KeyUser"] });
  const items = [
    { operation: { case: "sign", value: { keyId: "signer", data: DATA } } },
    { operation: { case: "encrypt", value: { keyId: "signer", plaintext: DATA } } },
    { operation: { case: "sign", value: { keyId: "absent", data: DATA } } },
  ];
  for (const surface of SURFACES) {
    const { reply } = await ask(surface, { ...vault.bearer, token }, row("Batch"), { items } as never);
    const [first, second, third] = reply["results"];
    assert.ok(first.sign.signature.length > 80, surface);
    assert.deepEqual(
      [second.error.code, second.error.number, third.error.code, third.error.number],
      ["KEY_USAGE_FORBIDS", 106, "OBJECT_NOT_FOUND", 101],
      surface,
    );
  }
});

test("a foreign namespace that exists and one that does not look identical, for every operation on every surface", async () => {
  const token = await mint(vault.tokenKey, { namespaces: ["tenant-a"] });
  const door = { ...vault.bearer, token };
  for (const operation of OPEN.filter(({ scope, name }) => scope !== "server" && name !== "CreateNamespace")) {
    for (const surface of SURFACES) {
      if (!needsItsOwn(operation)) {
        const mine = await ask(surface, door, operation, valid(operation, "tenant-a") as never);
        assert.ok(
          mine.ok || mine.code === COMES_TO_NOTHING[operation.name],
          `${operation.name} at home over ${surface}: ${mine.code} ${mine.detail}`,
        );
      }
      // Under one request id, so that nothing but the namespace differs.
      const under = numbered(door);
      const there = await refused(
        surface,
        door,
        operation,
        valid(operation, "tenant-b"),
        "PERMISSION_DENIED",
        "a namespace of others",
        under,
      );
      const nowhere = await refused(
        surface,
        door,
        operation,
        valid(operation, "tenant-x"),
        "PERMISSION_DENIED",
        "a namespace that is not",
        under,
      );
      const withoutDate = ({ text, ...answer }: Answer): object => ({ ...answer, text: text.replace(/"date":[^\]]*?GMT"/, "") });
      assert.deepEqual(withoutDate(there), withoutDate(nowhere), `${operation.name} over ${surface}`);
    }
  }
});

test("lists, the log and batches hold nothing of other tenants", async () => {
  const door = { ...vault.bearer, token: await mint(vault.tokenKey, { namespaces: ["tenant-a"] }) };
  for (const surface of SURFACES) {
    for (const [name, request] of [
      ["ListNamespaces", {}],
      ["ListKeys", {}],
      ["ListKeys", { perPage: 1000, state: 1 }],
      ["GetAuditLog", { pageSize: 1000, order: SortOrder.NEWEST_FIRST }],
      ["GetStatus", {}],
    ] as const) {
      const answer = await ask(surface, door, row(name), request as never);
      const text = JSON.stringify(answer.reply) + answer.text;
      assert.doesNotMatch(text, /tenant-b/, `${name} over ${surface}`);
      if (name === "GetAuditLog") for (const event of answer.reply["events"]) assert.equal(event.namespace, "tenant-a", surface);
    }
    const items = [
      { operation: { case: "sign", value: { namespace: "tenant-b", keyId: "signer", data: DATA } } },
      { operation: { case: "sign", value: { namespace: "tenant-x", keyId: "signer", data: DATA } } },
    ];
    const { reply } = await ask(surface, door, row("Batch"), { namespace: "tenant-a", items } as never);
    const [there, nowhere] = reply["results"];
    assert.ok(there.error !== undefined);
    assert.deepEqual(there.error, nowhere.error, surface);
  }
});

test("how long a refusal takes does not tell whether a foreign key exists", async () => {
  const door = { ...vault.bearer, token: await mint(vault.tokenKey, { namespaces: ["tenant-a"] }) };
  const measure = async (request: object): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const started = performance.now();
      await ask("REST", door, row("Sign"), request as never);
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[30] ?? 0;
  };
  const there = await measure({ namespace: "tenant-b", keyId: SECRET_NAME, data: DATA });
  const nowhere = await measure({ namespace: "tenant-x", keyId: "nothing", data: DATA });
  assert.ok(Math.max(there, nowhere) / Math.min(there, nowhere) < 10, `${there.toFixed(2)} ms and ${nowhere.toFixed(2)} ms`);
});

vault.closeAccount(800);
