import assert from "node:assert/strict";
import { createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { test } from "node:test";
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";
import { ALGORITHMS } from "@keystead/contract/algorithms";
import type { HsmError } from "@keystead/contract/errors";
import type { KeyUse } from "@keystead/contract/operation";
import type { Key } from "@keystead/crypto/composite-key";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { issueGrant, type Grant } from "../grant.ts";
import { memoryStore } from "../stores/memory.ts";
import type { RecordWrite, Store } from "../stores/store.ts";
import type { Change } from "./change.ts";
import type { Hierarchy } from "./hierarchy.ts";
import type { ExportPolicy } from "./attributes.ts";
import { Objects } from "./objects.ts";
import { recordName, type RecordKey } from "./record.ts";
import { VaultedRecords } from "./vaulted-records.ts";

const HIERARCHY: Hierarchy = {
  vaultId: "v",
  kek: createSecretKey(randomBytes(32)),
  recordMacKey: createSecretKey(randomBytes(48)),
  auditMacKey: createSecretKey(randomBytes(32)),
  indexKey: createSecretKey(randomBytes(32)),
};

/** Objects over a store, with a log that is only its anchors. */
class Vault {
  readonly inner: Store = memoryStore();
  readonly anchors = new Map<string, string>();
  /** Awaited by every read of the store after it has read. */
  slow: Promise<void> | undefined;
  readonly store: Store = {
    ...this.inner,
    get: async (key) => {
      const bytes = await this.inner.get(key);
      await this.slow;
      return bytes;
    },
    list: async (...args) => {
      const rows = await this.inner.list(...args);
      await this.slow;
      return rows;
    },
  };
  objects = this.restart();

  restart(): Objects {
    const records = new VaultedRecords(
      this.store,
      HIERARCHY,
      (name) => this.anchors.get(name),
      () => 1,
    );
    this.objects = new Objects({
      records,
      hierarchy: HIERARCHY,
      cacheSizeBytes: 1 << 20,
      now: () => Date.now(),
      record: () => Promise.resolve(),
    });
    return this.objects;
  }

  /** What the audit log does with a change. */
  commit(change: Change): void {
    this.inner.commit(change.writes, [], 0);
    for (const write of change.writes) this.anchors.set(recordName(write.key), write.digest);
    change.settle(true);
  }

  async namespace(name = "ns", maxKeys = 0): Promise<void> {
    this.commit((await this.objects.createNamespace(name, "", maxKeys)).change);
  }

  async prepare(
    keyId: string,
    algorithm: AlgorithmName = "HMAC-SHA-256",
    usage: readonly Usage[] = ALGORITHMS[algorithm].usages,
    namespace = "ns",
    exportable?: ExportPolicy,
  ): Promise<Change> {
    const key = await mechanismFor(algorithm).generate();
    const made = { namespace, keyId, algorithm, usage, tags: [], description: "", key, local: true };
    return (await this.objects.create(exportable === undefined ? made : { ...made, exportable })).change;
  }

  async key(...args: Parameters<Vault["prepare"]>): Promise<void> {
    this.commit(await this.prepare(...args));
  }

  async rotate(keyId: string): Promise<void> {
    this.commit((await this.objects.rotate("ns", keyId, generate)).change);
  }
}

const generate = (algorithm: AlgorithmName): Promise<Key> => mechanismFor(algorithm).generate();
const grant = (keyId: string, usage: KeyUse, namespace = "ns"): Grant =>
  issueGrant({ principal: "p", operation: "Test", namespace, keyId, usage });
const ALL = { algorithm: undefined, state: undefined, tags: [] } as const;

async function vault(maxKeys = 0): Promise<Vault> {
  const made = new Vault();
  await made.namespace("ns", maxKeys);
  return made;
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "OK",
    (error: HsmError) => error.code,
  );

test("a grant opens its key once, and a spent one opens nothing", async () => {
  const { objects, ...rest } = await vault().then(async (made) => {
    await made.key("k");
    return made;
  });
  void rest;
  const once = grant("k", "mac");
  assert.equal((await objects.open(once)).version, 1);
  assert.equal(await code(objects.open(once)), "PERMISSION_DENIED");
  assert.equal(await code(Array.fromAsync(objects.openAll(once))), "PERMISSION_DENIED");
  const failed = grant("none", "mac");
  assert.equal(await code(objects.open(failed)), "OBJECT_NOT_FOUND");
  assert.equal(await code(objects.open(failed)), "PERMISSION_DENIED");
  assert.equal(await code(objects.open({ ...grant("k", "mac") })), "PERMISSION_DENIED");
});

test("a key is for its own usages and for no other, fresh or from the cache", async () => {
  const made = await vault();
  await made.key("rsa", "RSA-2048", ["sign"]);
  await made.key("mac", "HMAC-SHA-256", ["verify_mac"]);
  for (const objects of [made.objects, made.restart(), made.objects]) {
    for (const usage of ["sign", "verify", "encrypt", "decrypt", "mac", "verify_mac", "wrap_data_key"] as const) {
      assert.equal(await code(objects.open(grant("rsa", usage))), usage === "sign" ? "OK" : "KEY_USAGE_FORBIDS", `rsa ${usage}`);
      assert.equal(await code(objects.open(grant("mac", usage))), usage === "verify_mac" ? "OK" : "KEY_USAGE_FORBIDS", `mac ${usage}`);
      assert.equal(await code(Array.fromAsync(objects.openAll(grant("mac", usage)))), usage === "verify_mac" ? "OK" : "KEY_USAGE_FORBIDS");
    }
  }
});

test("after rotation the old version still verifies and decrypts, and makes nothing new", async () => {
  const made = await vault();
  await made.key("k");
  const mac = mechanismFor("HMAC-SHA-256").macer;
  const before = (await made.objects.open(grant("k", "mac"))).key;
  const tag = mac?.mac(before, Buffer.from("x"), {}).mac as Buffer;
  await made.rotate("k");
  await made.rotate("k");
  for (const objects of [made.objects, made.restart()]) {
    assert.equal((await objects.open(grant("k", "mac"))).version, 3);
    assert.deepEqual(
      (await Array.fromAsync(objects.openAll(grant("k", "verify_mac")))).map(({ version }) => version),
      [3, 2, 1],
    );
    const old = await objects.open(grant("k", "verify_mac"), 1);
    assert.equal(mac?.verify(old.key, Buffer.from("x"), tag, {}), true);
    assert.equal(mac?.verify((await objects.open(grant("k", "mac"))).key, Buffer.from("x"), tag, {}), false);
    assert.equal(await code(objects.open(grant("k", "mac"), 1)), "KEY_STATE_FORBIDS");
    assert.equal(await code(objects.open(grant("k", "verify_mac"), 4)), "OBJECT_NOT_FOUND");
    assert.deepEqual(
      (await objects.describe("ns", "k")).attributes.versions.map(({ state }) => state),
      ["deactivated", "deactivated", "active"],
    );
  }
});

test("a destroyed key does nothing, its material is gone, its id stays taken", async () => {
  const made = await vault();
  await made.key("k");
  await made.rotate("k");
  await Array.fromAsync(made.objects.openAll(grant("k", "verify_mac")));
  made.commit((await made.objects.destroy("ns", "k")).change);
  for (const objects of [made.objects, made.restart()]) {
    for (const usage of ["mac", "verify_mac"] as const)
      for (const version of [0, 1, 2]) assert.equal(await code(objects.open(grant("k", usage), version)), "KEY_STATE_FORBIDS");
    assert.equal(await code(Array.fromAsync(objects.openAll(grant("k", "verify_mac")))), "KEY_STATE_FORBIDS");
    assert.equal(await code(objects.rotate("ns", "k", generate)), "KEY_STATE_FORBIDS");
    assert.equal(await code(objects.destroy("ns", "k")), "KEY_STATE_FORBIDS");
    assert.equal(await code(made.prepare("k")), "OBJECT_EXISTS");
    assert.equal((await objects.describe("ns", "k")).attributes.state, "destroyed");
    assert.deepEqual((await objects.list("ns", ALL, "", 10)).keys, []);
  }
  for (const version of [1, 2]) assert.equal(await made.inner.get({ namespace: "ns", kind: "version", id: "k", version }), undefined);
});

test("a prepared change is invisible until it is durable, and one that fails never was", async () => {
  const made = await vault();
  const creation = await made.prepare("k");
  assert.equal(await code(made.objects.open(grant("k", "mac"))), "OBJECT_NOT_FOUND");
  creation.settle(false);
  assert.equal(await code(made.objects.open(grant("k", "mac"))), "OBJECT_NOT_FOUND");
  await made.key("k");
  const { change } = await made.objects.destroy("ns", "k");
  assert.equal(await code(made.objects.open(grant("k", "mac"))), "OK");
  change.settle(false);
  change.settle(true);
  assert.equal(await code(made.objects.open(grant("k", "mac"))), "OK");
});

test("changes of one key come one after the other: rotations make consecutive versions, a destruction ends them", async () => {
  const made = await vault();
  await made.key("k");
  const changes = [..."rrrdr"].map((what) =>
    (what === "r" ? made.objects.rotate("ns", "k", generate) : made.objects.destroy("ns", "k")).then(({ change }) => made.commit(change)),
  );
  assert.deepEqual(await Promise.all(changes.map(code)), ["OK", "OK", "OK", "OK", "KEY_STATE_FORBIDS"]);
  const { attributes } = await made.objects.describe("ns", "k");
  assert.deepEqual([attributes.current, attributes.state], [4, "destroyed"]);
});

test("a generation that fails frees its key", async () => {
  const made = await vault();
  await made.key("k");
  await assert.rejects(
    made.objects.rotate("ns", "k", () => Promise.reject(new Error("no entropy"))),
    /no entropy/,
  );
  await made.rotate("k");
});

test("two creations of one id: one is made, the other is told", async () => {
  const made = await vault();
  const both = [1, 2].map(() => made.prepare("k").then((change) => made.commit(change)));
  assert.deepEqual((await Promise.all(both.map(code))).sort(), ["OBJECT_EXISTS", "OK"]);
});

for (const restarted of [false, true]) {
  test(`a quota holds against creations at the same moment${restarted ? ", also right after a restart" : ""}`, async () => {
    const made = await vault(3);
    await made.key("k0");
    if (restarted) made.restart();
    const key = await generate("HMAC-SHA-256");
    const many = Array.from(
      { length: 8 },
      async (_, index) =>
        (
          await made.objects.create({
            namespace: "ns",
            keyId: `k${index + 1}`,
            algorithm: "HMAC-SHA-256",
            usage: ["mac"],
            tags: [],
            description: "",
            key,
            local: true,
          })
        ).change,
    );
    const settled = await Promise.allSettled(many);
    for (const result of settled) if (result.status === "fulfilled") made.commit(result.value);
    assert.deepEqual((await Promise.all(many.map(code))).sort(), ["OK", "OK", ...Array.from({ length: 6 }, () => "QUOTA_EXCEEDED")]);
    assert.equal((await made.objects.list("ns", ALL, "", 100)).keys.length, 3);
    made.commit((await made.objects.destroy("ns", "k0")).change);
    await made.key("again");
    assert.equal(await code(made.prepare("more")), "QUOTA_EXCEEDED");
  });
}

test("a creation that failed gives its place back", async () => {
  const made = await vault(1);
  (await made.prepare("a")).settle(false);
  await made.key("b");
});

test("an old record, another's record, a missing one and one the log never knew are refused", async () => {
  const made = await vault();
  await made.key("k");
  await made.key("other");
  const head: RecordKey = { namespace: "ns", kind: "key", id: "k", version: 0 };
  const material: RecordKey = { namespace: "ns", kind: "version", id: "k", version: 1 };
  const old = (await made.inner.get(head)) as Buffer;
  await made.rotate("k");
  const current = (await made.inner.get(head)) as Buffer;
  const put = (key: RecordKey, bytes: Buffer | undefined): void => {
    const replaced: RecordWrite = { key, expected: made.anchors.get(recordName(key)) as string, bytes: undefined, digest: "" };
    made.inner.commit([replaced], [], 0);
    if (bytes !== undefined) made.inner.commit([{ key, expected: undefined, bytes, digest: "" }], [], 0);
  };
  const attempts = (): Promise<string[]> =>
    Promise.all([
      code(made.objects.open(grant("k", "mac"))),
      code(made.objects.describe("ns", "k")),
      code(made.objects.rotate("ns", "k", generate)),
      code(made.objects.destroy("ns", "k")),
    ]);
  const intact = made.inner;
  for (const [what, bytes] of [
    ["rolled back", old],
    ["swapped", (await intact.get({ ...head, id: "other" })) as Buffer],
    ["missing", undefined],
    ["flipped", Buffer.from(current.map((byte, index) => (index === 100 ? byte ^ 1 : byte)))],
  ] as const) {
    put(head, bytes);
    made.restart();
    assert.deepEqual(
      await attempts(),
      Array.from({ length: 4 }, () => "INTEGRITY_FAILURE"),
      what,
    );
    if (bytes !== undefined) assert.equal(await code(made.objects.list("ns", ALL, "", 10)), "INTEGRITY_FAILURE", what);
    if (bytes !== undefined)
      intact.commit([{ key: head, expected: (await import("./record.ts")).recordDigest(bytes), bytes: undefined, digest: "" }], [], 0);
    intact.commit([{ key: head, expected: undefined, bytes: current, digest: "" }], [], 0);
  }
  put(material, undefined);
  made.restart();
  assert.equal(await code(made.objects.open(grant("k", "verify_mac"), 1)), "INTEGRITY_FAILURE");
  made.anchors.delete("ns/key/other/0");
  made.restart();
  assert.equal(await code(made.objects.describe("ns", "other")), "INTEGRITY_FAILURE");
});

test("reading a key while it is changed gives the old or the new, never an alarm", async () => {
  for (const what of ["rotate", "destroy"] as const) {
    for (const read of ["open", "openAll", "describe", "list"] as const) {
      for (const cached of [false, true]) {
        const made = await vault();
        await made.key("k");
        const { change } = await (what === "rotate" ? made.objects.rotate("ns", "k", generate) : made.objects.destroy("ns", "k"));
        if (!cached) made.restart();
        await made.objects.describeNamespace("ns");
        const gate = Promise.withResolvers<void>();
        made.slow = gate.promise;
        const reading = code(
          read === "describe"
            ? made.objects.describe("ns", "k")
            : read === "list"
              ? made.objects.list("ns", ALL, "", 10)
              : read === "openAll"
                ? Array.fromAsync(made.objects.openAll(grant("k", "verify_mac")))
                : made.objects.open(grant("k", "verify_mac")),
        );
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        made.commit(change);
        gate.resolve();
        const answer = await reading;
        assert.ok(
          answer === "OK" || (what === "destroy" && answer === "KEY_STATE_FORBIDS"),
          `${read} during ${what}${cached ? ", cached" : ""}: ${answer}`,
        );
        if (what === "destroy") assert.equal(await code(made.objects.open(grant("k", "verify_mac"))), "KEY_STATE_FORBIDS");
      }
    }
  }
});

test("lists come in pages, filtered, without what is destroyed unless asked for", async () => {
  const made = await vault();
  for (const id of ["c", "a", "b", "d"]) await made.key(id);
  made.commit((await made.objects.destroy("ns", "b")).change);
  const page = async (after: string, limit: number): Promise<unknown> => {
    const { keys, more } = await made.objects.list("ns", ALL, after, limit);
    return [keys.map(({ keyId }) => keyId), more];
  };
  assert.deepEqual(await page("", 2), [["a", "c"], true]);
  assert.deepEqual(await page("c", 2), [["d"], false]);
  assert.deepEqual(await page("", 3), [["a", "c", "d"], false]);
  assert.deepEqual(
    (await made.objects.list("ns", { ...ALL, state: "destroyed" }, "", 9)).keys.map(({ keyId }) => keyId),
    ["b"],
  );
  assert.equal(await made.objects.count("ns", ALL), 3);
  assert.equal(await made.objects.count("ns", { ...ALL, algorithm: "Ed25519" }), 0);
  assert.equal(await code(made.objects.list("none", ALL, "", 1)), "OBJECT_NOT_FOUND");
});

test("the same id in two namespaces is two keys", async () => {
  const made = await vault();
  await made.namespace("other");
  await made.key("k");
  await made.key("k", "HMAC-SHA-256", ["mac", "verify_mac"], "other");
  const [one, two] = await Promise.all([made.objects.open(grant("k", "mac")), made.objects.open(grant("k", "mac", "other"))]);
  assert.equal(one.key.equals(two.key as KeyObject), false);
  assert.equal(await code(made.objects.createNamespace("ns", "", 0)), "OBJECT_EXISTS");
});

test("material is let out by the key's policy alone, for a grant of export, once, in every state but destroyed", async () => {
  const made = await vault();
  for (const policy of ["never", "wrapped", "plain"] as const) await made.key(policy, "AES-256-GCM", ["encrypt"], "ns", policy);
  await made.key("default", "AES-256-GCM", ["encrypt"]);
  for (const objects of [made.objects, made.restart(), made.objects]) {
    for (const [keyId, wrapped, plain] of [
      ["default", "KEY_NOT_EXTRACTABLE", "KEY_NOT_EXTRACTABLE"],
      ["never", "KEY_NOT_EXTRACTABLE", "KEY_NOT_EXTRACTABLE"],
      ["wrapped", "OK", "KEY_NOT_EXTRACTABLE"],
      ["plain", "OK", "OK"],
      ["none", "OBJECT_NOT_FOUND", "OBJECT_NOT_FOUND"],
    ] as const) {
      assert.equal(await code(objects.openForExport(grant(keyId, "export"), "wrapped")), wrapped, keyId);
      assert.equal(await code(objects.openForExport(grant(keyId, "export"), "plain")), plain, keyId);
    }
    assert.equal(await code(objects.openForExport(grant("plain", "encrypt"), "wrapped")), "PERMISSION_DENIED");
    assert.equal(await code(objects.open(grant("plain", "export"))), "KEY_USAGE_FORBIDS");
    const once = grant("plain", "export");
    assert.equal((await objects.openForExport(once, "plain")).version, 1);
    assert.equal(await code(objects.openForExport(once, "plain")), "PERMISSION_DENIED");
  }
  await made.rotate("plain");
  assert.equal((await made.objects.openForExport(grant("plain", "export"), "plain")).version, 2);
  assert.equal((await made.objects.openForExport(grant("plain", "export"), "plain", 1)).version, 1);
  assert.equal(await code(made.objects.openForExport(grant("plain", "export"), "plain", 3)), "OBJECT_NOT_FOUND");
  made.commit((await made.objects.destroy("ns", "plain")).change);
  assert.equal(await code(made.objects.openForExport(grant("plain", "export"), "plain")), "KEY_STATE_FORBIDS");
});
