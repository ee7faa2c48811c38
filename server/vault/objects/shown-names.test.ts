/** Keys found by what PKCS#11 shows of them, by several algorithms, and ids that are one key's alone; against a whole vault. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { Algorithm, ExportPolicy, KeyMaterialFormat, KeyState } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { copyKey } from "@keystead/contract/operations/copy-key";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import type { KeyAttributes } from "./attributes.ts";
import { merged } from "./merged.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

const ALICE = { id: "user:alice", roles: ["Administrator"] };
const bytes = (text: string): Buffer => Buffer.from(text);

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>) =>
  vault.askFrom(ALICE, operation, request);
const code = (asking: Promise<unknown>): Promise<string> => vault.codeOf(asking);
const make = (namespace: string, keyId: string, attributes: object = {}, algorithm: Algorithm = Algorithm.Aes256Gcm) =>
  ask(generateKey, { namespace, keyId, algorithm, attributes });
const find = async (request: MessageInitShape<typeof findObjects.method.input>): Promise<string[]> => {
  const found: string[] = [];
  let pageToken = "";
  do {
    const page = await ask(findObjects, { ...request, pageToken });
    found.push(...page.keys.map(({ keyId }) => keyId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
};

test("a key is found by the id and the label that PKCS#11 shows: its own, or where it has none its name", async () => {
  const namespace = "shown";
  await ask(createNamespace, { namespace });
  await make(namespace, "plain");
  await make(namespace, "named", { id: bytes("id"), label: "label" });
  await make(namespace, "id", { label: "plain" });
  await make(namespace, "label", { id: bytes("plain2") });
  for (const perPage of [1, 50]) {
    const by = (request: object): Promise<string[]> => find({ namespace, perPage, ...request });
    assert.deepEqual(await by({ shownId: bytes("plain") }), ["plain"]);
    assert.deepEqual(await by({ shownId: bytes("id") }), ["id", "named"]);
    assert.deepEqual(await by({ shownId: bytes("named") }), []);
    assert.deepEqual(await by({ shownId: bytes("plain2") }), ["label"]);
    assert.deepEqual(await by({ shownId: Buffer.from([0xff, 0xfe]) }), []);
    assert.deepEqual(await by({ shownLabel: "label" }), ["label", "named"]);
    assert.deepEqual(await by({ shownLabel: "plain" }), ["id", "plain"]);
    assert.deepEqual(await by({ shownLabel: "no such key" }), []);
    assert.deepEqual(await by({ shownLabel: "plain", shownId: bytes("id") }), ["id"]);
    assert.deepEqual(await by({ shownLabel: "plain", match: { label: "plain" } }), ["id"]);
    assert.deepEqual(await by({ shownLabel: "plain", algorithms: [Algorithm.EcdsaP256] }), []);
  }
  await ask(deleteKey, { namespace, keyId: "plain" });
  assert.deepEqual(await find({ namespace, shownId: bytes("plain") }), []);
  assert.deepEqual(await find({ namespace, shownId: bytes("plain"), state: KeyState.DESTROYED }), ["plain"]);
  await vault.reopen();
  assert.deepEqual(await find({ namespace, shownId: bytes("id") }), ["id", "named"]);
});

test("keys of several algorithms are found in the order of their ids, each once, on pages of any size", async () => {
  const namespace = "several";
  await ask(createNamespace, { namespace });
  const algorithms = [Algorithm.Aes256Gcm, Algorithm.HmacSha256, Algorithm.EcdsaP256, Algorithm.Ed25519];
  for (let at = 0; at < 24; at += 1) await make(namespace, `k${String(at).padStart(2, "0")}`, {}, algorithms[at % 4]);
  const wanted = [Algorithm.HmacSha256, Algorithm.Ed25519, Algorithm.HmacSha256];
  const expected = Array.from({ length: 12 }, (_, at) => `k${String(2 * at + 1).padStart(2, "0")}`);
  for (const perPage of [1, 2, 5, 50]) assert.deepEqual(await find({ namespace, perPage, algorithms: wanted }), expected);
  assert.deepEqual(await find({ namespace, algorithm: Algorithm.Ed25519, algorithms: [Algorithm.HmacSha256] }), expected);
  assert.deepEqual(await find({ namespace, algorithms: [Algorithm.Rsa2048] }), []);
  assert.equal((await find({ namespace })).length, 24);
});

test("law: merged streams are their elements in order, each once", async () => {
  const ids = fc.array(fc.string({ maxLength: 2 }), { maxLength: 8 });
  async function* of(sorted: readonly string[]): AsyncGenerator<{ id: string }> {
    for (const id of sorted) yield { id };
  }
  await fc.assert(
    fc.asyncProperty(fc.array(ids, { maxLength: 4 }), async (lists) => {
      const streams = lists.map((list) => of([...new Set(list)].sort()));
      const found: string[] = [];
      for await (const { id } of merged(streams)) found.push(id);
      assert.deepEqual(found, [...new Set(lists.flat())].sort());
    }),
  );
});

test("an id is one stored key's alone, however another key would get it, until that key is destroyed", async () => {
  const namespace = "unique";
  await ask(createNamespace, { namespace });
  await ask(createNamespace, { namespace: "elsewhere" });
  const attributes = { id: bytes("one") };
  await make(namespace, "first", attributes);
  assert.equal(await code(make(namespace, "second", attributes)), "OBJECT_EXISTS");
  const imported = { namespace, algorithm: Algorithm.Aes256Gcm, keyMaterial: Buffer.alloc(32, 1), format: KeyMaterialFormat.RAW };
  assert.equal(await code(ask(importKey, { ...imported, attributes })), "OBJECT_EXISTS");
  await make(namespace, "other");
  assert.equal(await code(ask(setAttributes, { namespace, keyId: "other", attributes })), "OBJECT_EXISTS");
  assert.equal(await code(ask(copyKey, { namespace, keyId: "first", attributes })), "OBJECT_EXISTS");
  assert.equal((await ask(copyKey, { namespace, keyId: "first" })).key?.attributes?.id?.length, 0);
  // Its own is no other's, and a key of memory alone stands beside what it is a copy of.
  assert.equal(await code(ask(setAttributes, { namespace, keyId: "first", attributes: { ...attributes, label: "l" } })), "OK");
  const copy = await ask(copyKey, { namespace, keyId: "first", sessionKey: true });
  assert.deepEqual(Buffer.from(copy.key?.attributes?.id ?? []), attributes.id);
  assert.equal(await code(make("elsewhere", "first", attributes)), "OK");
  // No id is nobody's.
  await make(namespace, "none", { id: Buffer.alloc(0) });
  await make(namespace, "none-either");
});

test("of many who want an id at once one gets it; who fails holds nothing back", async () => {
  const namespace = "race";
  await ask(createNamespace, { namespace });
  for (let at = 0; at < 4; at += 1) await make(namespace, `old-${at}`);
  const wishes = [
    ...Array.from({ length: 8 }, (_, at) => make(namespace, `new-${at}`, { id: bytes("wanted") })),
    ...Array.from({ length: 4 }, (_, at) => ask(setAttributes, { namespace, keyId: `old-${at}`, attributes: { id: bytes("wanted") } })),
  ];
  const codes = await Promise.all(wishes.map(code));
  assert.equal(codes.filter((one) => one === "OK").length, 1);
  assert.equal(codes.filter((one) => one === "OBJECT_EXISTS").length, 11);
  const [holder] = await find({ namespace, match: { id: bytes("wanted") } });
  await ask(setAttributes, { namespace, keyId: holder ?? "", attributes: { id: bytes("else") } });
  assert.equal(await code(make(namespace, "again", { id: bytes("wanted") })), "OK");
});

test("a store in which keys share an id opens as ever; neither key gives the id to a third", async () => {
  const namespace = "former";
  await ask(createNamespace, { namespace });
  await make(namespace, "a", { id: bytes("shared") });
  await make(namespace, "b", { id: bytes("b") });
  await shareId(namespace, "a", "b");
  await vault.reopen();
  assert.deepEqual(await find({ namespace, shownId: bytes("shared") }), ["a", "b"]);
  assert.equal(await code(make(namespace, "c", { id: bytes("shared") })), "OBJECT_EXISTS");
  assert.equal(await code(ask(setAttributes, { namespace, keyId: "a", attributes: { label: "still changed" } })), "OK");
  assert.equal((await ask(getKey, { namespace, keyId: "a" })).key?.exportable, ExportPolicy.NEVER);
});

/** What a former version let happen: while a key counts as destroyed, another gets its id. */
async function shareId(namespace: string, holder: string, other: string): Promise<void> {
  const set = async (keyId: string, change: Partial<KeyAttributes>): Promise<void> => {
    const prepared = await vault.vault.objects.alter(namespace, keyId, (before) => ({ attributes: { ...before, ...change } }));
    await vault.vault.note("test", "FileKeys", "test", prepared.change.writes);
    prepared.change.settle(true);
  };
  const { objectId } = (await vault.vault.objects.describe(namespace, holder)).attributes;
  await set(holder, { state: "destroyed" });
  await set(other, { objectId });
  await set(holder, { state: "active" });
}
