import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import type { EventFields } from "../audit/event.ts";
import { memoryFiles } from "../audit/memory-files.ts";
import { unseal, type OpenVault } from "../ceremonies/unseal.ts";
import { filesystemStore } from "../stores/filesystem.ts";
import { memoryStore } from "../stores/memory.ts";
import { sqliteStore } from "../stores/sqlite.ts";
import type { Store } from "../stores/store.ts";
import { joinChanges } from "./change.ts";
import { recordName, SERVER_SPACE } from "./record.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-documents-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const STORES: Readonly<Record<string, () => Store>> = {
  memory: memoryStore,
  sqlite: () => sqliteStore({ path: join(folder, "documents.db"), wal: true, syncMode: "none" }),
  filesystem: () =>
    filesystemStore({ folder: join(folder, "files"), durable: false, settleAfterMs: 0, onTrouble: (error) => assert.fail(String(error)) }),
};

interface Opened {
  readonly vault: OpenVault;
  readonly secret: Buffer;
  again(): Promise<OpenVault>;
}

async function opened(store: Store): Promise<Opened> {
  const secret = randomBytes(32);
  const files = memoryFiles();
  let vault: OpenVault | undefined;
  const again = async (): Promise<OpenVault> => {
    await vault?.log.close();
    vault = await unseal(
      { method: "key", secret: Buffer.from(secret), second: undefined },
      {
        store,
        files,
        auditPath: "/audit",
        syncMode: "none",
        cacheSizeBytes: 1 << 20,
        now: Date.now,
        onLogStopped: (error) => assert.fail(error),
      },
    );
    return vault;
  };
  return { vault: await again(), secret, again };
}

const EVENT: EventFields = {
  action: "RekeyVault",
  authentication: "ceremony",
  decision: "allow",
  key: "",
  namespace: "",
  outcome: "OK",
  payload: "",
  principal: "ceremony:test",
  request: "test",
  time: new Date(0).toISOString(),
  version: 0,
};

const name = (id: string): { kind: "user"; id: string } => ({ kind: "user", id });

for (const [kind, make] of Object.entries(STORES))
  test(`${kind}: what a document says, and its secret, are there after the vault was closed and opened`, async () => {
    const store = make();
    const { vault, again } = await opened(store);
    const secret = randomBytes(40);
    await vault.documents.record("Test", [name("anna"), name("Anna")], () => [
      { ...name("anna"), value: { roles: ["Operator"], deep: { a: 1 } }, material: secret },
      { ...name("Anna"), value: { roles: [] } },
    ]);
    const { documents } = await again();
    assert.deepEqual(documents.get("user", "anna")?.value, { roles: ["Operator"], deep: { a: 1 } });
    assert.deepEqual(documents.get("user", "Anna")?.value, { roles: [] });
    assert.deepEqual(await documents.material("user", "anna"), secret);
    assert.equal((await documents.material("user", "Anna")).length, 0);
    assert.equal(documents.count("user"), 2);
    assert.equal(documents.count("policy"), 0);
    assert.throws(() => (documents.get<{ deep: { a: number } }>("user", "anna")!.value.deep.a = 2), TypeError);
    assert.deepEqual(await store.namespaces(), []);
    store.close();
  });

test("a change keeps the secret it does not name, and a removed document is gone for good", async () => {
  const { vault, again } = await opened(memoryStore());
  const seen: [string, unknown][] = [];
  vault.documents.watch("user", (id, now) => seen.push([id, now?.value]));
  await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: { n: 1 }, material: Buffer.from("secret") }]);
  await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: { n: 2 } }]);
  assert.equal((await vault.documents.material("user", "a")).toString(), "secret");
  await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: undefined }]);
  assert.deepEqual(seen, [
    ["a", { n: 1 }],
    ["a", { n: 2 }],
    ["a", undefined],
  ]);
  const { documents } = await again();
  assert.equal(documents.get("user", "a"), undefined);
  await assert.rejects(documents.material("user", "a"), (error: HsmError) => error.code === "OBJECT_NOT_FOUND");
});

test("changes of one document come one after the other, and each sees the one before", async () => {
  const { vault } = await opened(memoryStore());
  const { documents } = vault;
  const count = (): number => documents.get<{ n: number }>("limit", "x")?.value.n ?? 0;
  await Promise.all(
    Array.from({ length: 200 }, () =>
      documents.record("Test", [{ kind: "limit", id: "x" }], () => [{ kind: "limit", id: "x", value: { n: count() + 1 } }]),
    ),
  );
  assert.equal(count(), 200);
});

test("a change that is not made durable changes nothing, and a plan that refuses frees the document", async () => {
  const { vault } = await opened(memoryStore());
  const { documents } = vault;
  const change = await documents.change([name("a")], () => [{ ...name("a"), value: 1 }]);
  assert.equal(documents.get("user", "a"), undefined);
  change.settle(false);
  await assert.rejects(
    documents.change([name("a")], () => {
      throw new HsmError("OBJECT_EXISTS", "no");
    }),
    (error: HsmError) => error.code === "OBJECT_EXISTS",
  );
  await assert.rejects(
    documents.change([name("a")], () => [{ ...name("b"), value: 1 }]),
    TypeError,
  );
  await documents.record("Test", [name("a")], () => [{ ...name("a"), value: 2 }]);
  assert.equal(documents.get("user", "a")?.value, 2);
});

test("joined changes are one: durable together or not at all", async () => {
  const { vault } = await opened(memoryStore());
  const { documents } = vault;
  const both = async (): Promise<ReturnType<typeof joinChanges>> =>
    joinChanges(
      await documents.change([name("a")], () => [{ ...name("a"), value: 1 }]),
      await documents.change([name("b")], () => [{ ...name("b"), value: 1 }]),
    );
  const lost = await both();
  assert.equal(lost.writes.length, 2);
  lost.settle(false);
  assert.equal(documents.count("user"), 0);
  (await both()).settle(true);
  assert.equal(documents.count("user"), 2);
});

test("a rekey takes documents along, also those that change meanwhile", async () => {
  const { vault, secret, again } = await opened(memoryStore());
  const { documents, rekeying, log } = vault;
  const set = (id: string, value: number): Promise<void> => documents.record("Test", [name(id)], () => [{ ...name(id), value }]);
  for (let at = 0; at < 100; at += 1) await set(`u${at}`, at);
  await rekeying.begin({ method: "key", secret: Buffer.from(secret), second: undefined }, undefined);
  for (let steps = 0; !rekeying.complete; steps += 1) {
    const change = await rekeying.step();
    const meanwhile = set("u50", 1000 + steps);
    if (change !== undefined) {
      const records = change.writes.map(({ key, digest }) => ({ digest, name: recordName(key) }));
      await log.append({ ...EVENT, records }, change.writes);
      change.settle(true);
    }
    await meanwhile;
  }
  const after = (await again()).documents;
  assert.equal(after.count("user"), 100);
  assert.equal(after.get("user", "u7")?.value, 7);
  assert.ok((after.get<number>("user", "u50")?.value ?? 0) >= 1000);
});

test("ids that cannot be stored are refused", async () => {
  const { vault } = await opened(memoryStore());
  for (const id of ["", "a/b", "../x", "é", "x".repeat(129)])
    await assert.rejects(
      vault.documents.change([name(id)], () => [{ ...name(id), value: 1 }]),
      (error: HsmError) => error.code === "INVALID_REQUEST",
      id,
    );
});

for (const [what, attack] of [
  ["altered", (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
  ["removed", () => undefined],
] as const)
  test(`a document that was ${what} in the store is found when the vault is opened`, async () => {
    const store = memoryStore();
    const { vault, again } = await opened(store);
    await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: { admin: false } }]);
    const key = { namespace: SERVER_SPACE, kind: "user", id: "a", version: 0 } as const;
    const bytes = (await store.get(key)) as Buffer;
    const { get, list } = store;
    store.get = (asked) => (asked.kind === "user" ? Promise.resolve(attack(bytes)) : get(asked));
    store.list = async (...asked) =>
      (await list(...asked)).flatMap((row) => {
        const forged = attack(row.bytes);
        return forged === undefined ? [] : [{ ...row, bytes: forged }];
      });
    await assert.rejects(again(), (error: HsmError) => error.code === "INTEGRITY_FAILURE");
  });

test("an older state of a document is found when the vault is opened", async () => {
  const store = memoryStore();
  const { vault, again } = await opened(store);
  const key = { namespace: SERVER_SPACE, kind: "user", id: "a", version: 0 } as const;
  await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: { disabled: false } }]);
  const before = (await store.get(key)) as Buffer;
  await vault.documents.record("Test", [name("a")], () => [{ ...name("a"), value: { disabled: true } }]);
  const { get, list } = store;
  store.get = (asked) => (asked.kind === "user" ? Promise.resolve(before) : get(asked));
  store.list = async (...asked) => (await list(...asked)).map((row) => ({ ...row, bytes: before }));
  await assert.rejects(again(), (error: HsmError) => error.code === "INTEGRITY_FAILURE");
});
