import assert from "node:assert/strict";
import { createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ATTRIBUTES, ATTRIBUTE_NAMES } from "@keystead/contract/attributes";
import { KeyState } from "@keystead/contract/generated/hsm/hsm_pb";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { revokeKey } from "@keystead/contract/operations/revoke-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { updateKey } from "@keystead/contract/operations/update-key";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { entriesFor, indexEntries } from "./attribute-index.ts";
import { attributesMatch, attributeValues } from "./attribute-values.ts";
import type { KeyAttributes } from "./attributes.ts";
import { openRecord, sealRecord, writtenIndex, type RecordKey } from "./record.ts";

const KEY = createSecretKey(Buffer.alloc(32, 7));
const BARE: KeyAttributes = {
  algorithm: "Ed25519",
  state: "active",
  current: 1,
  usage: ["sign", "verify"],
  tags: [],
  description: "",
  createdAt: 0,
  updatedAt: 0,
  versions: [{ version: 1, state: "active", createdAt: 0, local: true, publicKey: "" }],
  label: "",
  objectId: "",
  exportable: "never",
  alwaysSensitive: true,
  neverExtractable: true,
  modifiable: true,
};

test("an ordinary key is filed under its algorithm and its type alone, and these stand as they are", () => {
  assert.deepEqual(indexEntries(KEY, "ns", BARE), ["algorithm=Ed25519", "key_type=CKK_EC_EDWARDS"]);
});

test("what the table does not call public is filed as a hash that tells nothing without the key", () => {
  const named = { ...BARE, label: "payroll", objectId: "c0ffee", tags: ["team:blue"], state: "revoked" as const };
  const entries = indexEntries(KEY, "ns", named);
  assert.deepEqual(
    entries.map((entry) => entry.split(/[~=]/)[0]),
    ["algorithm", "id", "key_type", "label", "state", "tag"],
  );
  assert.doesNotMatch(entries.join(), /payroll|c0ffee|blue|revoked/);
  for (const entry of entries) assert.match(entry, /^\w+(=\w+|~[A-Za-z0-9_-]{22})$/);
  const hashed = (of: readonly string[]): string[] => of.filter((entry) => entry.includes("~"));
  for (const other of [indexEntries(createSecretKey(randomBytes(32)), "ns", named), indexEntries(KEY, "other", named)])
    for (const entry of hashed(other)) assert.equal(entries.includes(entry), false, "another vault's, another namespace's");
  assert.deepEqual(indexEntries(KEY, "ns", { ...named, description: "else" }), entries);
  // A value is never taken for one of another attribute.
  const same = hashed(indexEntries(KEY, "ns", { ...BARE, label: "aa", objectId: "aa", tags: ["aa"] })).map((entry) => entry.split("~")[1]);
  assert.equal(new Set(same).size, 3);
});

test("every attribute whose row says so is filed, and nothing else: public ones plain, all others hashed", () => {
  const unusual: KeyAttributes = {
    ...BARE,
    label: "l",
    objectId: "01",
    exportable: "plain",
    alwaysSensitive: false,
    neverExtractable: false,
    modifiable: false,
    trusted: true,
    wrapWithTrusted: true,
    copyable: false,
    destroyable: false,
    alwaysAuthenticate: true,
    subject: "3000",
    versions: [{ ...(BARE.versions[0] as KeyAttributes["versions"][0]), local: false }],
    endDate: 5,
    maxUses: 5,
    maxBytes: 5,
  };
  const names = indexEntries(KEY, "ns", unusual).map((entry) => entry.split(/[~=]/) as [string]);
  const indexed = ATTRIBUTE_NAMES.filter((name) => ATTRIBUTES[name].indexed !== "never");
  assert.deepEqual(names.map(([name]) => name).sort(), ["algorithm", ...indexed].sort());
  for (const name of indexed)
    assert.ok(
      indexEntries(KEY, "ns", unusual).some((entry) => entry.startsWith(`${name}${ATTRIBUTES[name].public ? "=" : "~"}`)),
      name,
    );
});

test("law: a key that fits has every entry that is looked for", () => {
  const values = fc.record({
    label: fc.constantFrom("", "a", "b"),
    objectId: fc.constantFrom("", "01", "02"),
    tags: fc.subarray(["x", "y", "z"]),
    exportable: fc.constantFrom("never" as const, "wrapped" as const, "plain" as const),
    modifiable: fc.boolean(),
    trusted: fc.boolean(),
    wrapWithTrusted: fc.boolean(),
    copyable: fc.boolean(),
    destroyable: fc.boolean(),
    alwaysAuthenticate: fc.boolean(),
    subject: fc.constantFrom("", "3000", "3001"),
    state: fc.constantFrom("active" as const, "revoked" as const, "destroyed" as const),
  });
  fc.assert(
    fc.property(values, fc.subarray([...ATTRIBUTE_NAMES]), fc.nat(3), (some, names, asked) => {
      const key = { ...BARE, ...some };
      const own = attributeValues(key);
      const attributes = Object.fromEntries(names.map((name) => [name, own[name]]));
      assert.ok(attributesMatch(key, attributes));
      const has = indexEntries(KEY, "ns", key);
      for (const entry of entriesFor(KEY, "ns", { attributes, tags: key.tags.slice(0, asked), state: key.state, algorithm: key.algorithm }))
        assert.ok(has.includes(entry), entry);
    }),
    { numRuns: 500 },
  );
});

/** A store that counts what it is asked, and can lie. */
class Watched {
  readonly inner = memoryStore();
  listed = 0;
  found = 0;
  /** An id that is said to be filed under everything. */
  lie: string | undefined;
  readonly store: Store = {
    ...this.inner,
    list: (...asked) => {
      this.listed += 1;
      return this.inner.list(...asked);
    },
    find: async (namespace, entries, after, limit) => {
      this.found += 1;
      const rows = await this.inner.find(namespace, entries, after, limit);
      if (this.lie === undefined || this.lie <= after) return rows;
      const key: RecordKey = { namespace, kind: "key", id: this.lie, version: 0 };
      return [...rows, { id: this.lie, bytes: (await this.inner.get(key)) as Buffer }];
    },
  };
}

const ids = ({ keys }: { keys: readonly { keyId: string }[] }): string[] => keys.map(({ keyId }) => keyId);

async function filled(): Promise<{ vault: ClockedVault; watched: Watched }> {
  const watched = new Watched();
  const vault = await ClockedVault.open(watched.store);
  for (let at = 0; at < 30; at += 1)
    await vault.ask(generateKey, {
      namespace: "default",
      keyId: `key-${String(at).padStart(2, "0")}`,
      algorithm: (at % 5 === 0 ? 2 : 1) as never,
      tags: at % 3 === 0 ? ["third"] : [],
      attributes: { label: `label-${at % 10}`, id: Buffer.from([at]) },
    });
  [watched.listed, watched.found] = [0, 0];
  return { vault, watched };
}

test("keys are found without reading the others, by label, id, tag, state and algorithm, as they are now", async () => {
  const { vault, watched } = await filled();
  const find = async (asked: object): Promise<string[]> => ids(await vault.ask(findObjects, { namespace: "default", ...asked }));
  assert.deepEqual(await find({ match: { label: "label-7" } }), ["key-07", "key-17", "key-27"]);
  assert.deepEqual(await find({ match: { id: Buffer.from([12]) } }), ["key-12"]);
  assert.deepEqual(await find({ match: { label: "label-7", id: Buffer.from([12]) } }), []);
  assert.deepEqual(await find({ tags: ["third"], match: { label: "label-7" } }), ["key-27"]);
  assert.deepEqual(await find({ match: { label: "no such" } }), []);
  assert.equal((await find({ algorithm: 2 })).length, 6);
  assert.deepEqual(ids(await vault.ask(listKeys, { namespace: "default", tags: ["third"] })).length, 10);
  await vault.ask(setAttributes, { namespace: "default", keyId: "key-07", attributes: { label: "renamed" } });
  await vault.ask(updateKey, { namespace: "default", keyId: "key-27", removeTags: ["third"], addTags: ["mine"] });
  await vault.ask(revokeKey, { namespace: "default", keyId: "key-17", reason: 1, comment: "" });
  await vault.ask(rotateKey, { namespace: "default", keyId: "key-12" });
  assert.deepEqual(await find({ match: { label: "label-7" } }), ["key-17", "key-27"]);
  assert.deepEqual(await find({ match: { label: "renamed" } }), ["key-07"]);
  assert.deepEqual(await find({ tags: ["mine"] }), ["key-27"]);
  assert.deepEqual([await find({ state: KeyState.REVOKED }), await find({ state: KeyState.COMPROMISED })].flat(), ["key-17"]);
  assert.equal(watched.listed, 0, "nothing was looked through");
  assert.ok(watched.found > 0);
  assert.equal((await find({ state: KeyState.ACTIVE })).length, 29);
  assert.ok(watched.listed > 0);
});

test("pages of what was found join up", async () => {
  const { vault } = await filled();
  const seen: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await vault.ask(findObjects, { namespace: "default", tags: ["third"], perPage: 3, pageToken });
    seen.push(...ids(page));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 10 }, (_, at) => `key-${String(at * 3).padStart(2, "0")}`),
  );
});

test("a store that files a key wrongly is caught when somebody meets the key", async () => {
  const { vault, watched } = await filled();
  watched.lie = "key-29";
  const asked = vault.ask(findObjects, { namespace: "default", match: { label: "label-1" } });
  assert.equal(await vault.codeOf(asked), "INTEGRITY_FAILURE");
});

async function namespaceKey({ store, vault: { hierarchy } }: ClockedVault): Promise<KeyObject> {
  const key: RecordKey = { namespace: "default", kind: "namespace", id: "", version: 0 };
  return createSecretKey(openRecord(key, (await store.get(key)) as Buffer, hierarchy.kek, hierarchy.recordMacKey).material);
}

const PLAIN_EVENT = {
  action: "Test",
  authentication: "none",
  decision: "allow",
  key: "",
  namespace: "default",
  outcome: "OK",
  payload: "",
  principal: "test",
  request: "test",
  time: "2030-01-01T00:00:00.000Z",
  version: 0,
} as const;

test("keys that have no index entries are found all the same, and are written anew with an event that names them", async () => {
  const { vault, watched } = await filled();
  const objects = vault.vault.objects;
  // As a former version left them: the same record, without what it is filed under.
  const anchors = vault.vault.log.anchors() as Map<string, string>;
  const kek = await namespaceKey(vault);
  for (let at = 0; at < 30; at += 1) {
    const key: RecordKey = { namespace: "default", kind: "key", id: `key-${String(at).padStart(2, "0")}`, version: 0 };
    const { attributes } = await objects.describe("default", key.id);
    const { vault: open } = vault;
    const old = sealRecord({ ...key, generation: 1, time: 1 }, attributes as never, new Uint8Array(), kek, open.hierarchy.recordMacKey);
    const name = `default/key/${key.id}/0`;
    await vault.vault.log.append({ ...PLAIN_EVENT, records: [{ name, digest: old.digest }] }, [
      { key, expected: anchors.get(name), bytes: old.bytes, digest: old.digest },
    ]);
  }
  await vault.reopen();
  [watched.listed, watched.found] = [0, 0];
  const asked = { namespace: "default", match: { label: "label-7" } };
  const wanted = ["key-07", "key-17", "key-27"];
  assert.deepEqual(ids(await vault.ask(findObjects, asked)), wanted);
  assert.ok(watched.listed > 0 && watched.found === 0);
  await vault.vault.objects.fileOldKeys("default", () => true);
  [watched.listed, watched.found] = [0, 0];
  assert.deepEqual(ids(await vault.ask(findObjects, asked)), wanted);
  assert.ok(watched.listed === 0 && watched.found > 0);
  assert.ok(writtenIndex(await watched.inner.get({ namespace: "default", kind: "key", id: "key-00", version: 0 })).length > 0);
  const named = (await vault.events("FileKeys")).flatMap(({ records = [] }) => records.map(({ name }) => name));
  assert.equal(new Set(named).size, 30);
});
