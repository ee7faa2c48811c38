/**
 * Any order of calls on a key stays inside the lifecycle table, on every store and through reopening; and what a
 * version made is verified by it for as long as the states say so, through rotation, rollback, revocation and
 * scheduled destruction.
 *
 * The model below is written from NIST SP 800-57 Part 1 Rev. 5 §7 and the reference page, not from the table that the
 * vault reads: what may be done in a state is said a second time here, in words of its own.
 */
import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { HsmError } from "@keystead/contract/errors";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { issueGrant } from "@keystead/vault/grant";
import type { Change } from "@keystead/vault/objects/change";
import { cancelDestruction, moveKey, purgeDue, revoke, scheduleDestruction, type Step } from "@keystead/vault/objects/lifecycle";
import type { OpenKey, PreparedKey } from "@keystead/vault/objects/key-shapes";
import { Objects } from "@keystead/vault/objects/objects";
import type { KeyAttributes } from "@keystead/vault/objects/attributes";
import { recordName } from "@keystead/vault/objects/record";
import { VaultedRecords } from "@keystead/vault/objects/vaulted-records";
import { filesystemStore } from "@keystead/vault/stores/filesystem";
import { memoryStore } from "@keystead/vault/stores/memory";
import { sqliteStore } from "@keystead/vault/stores/sqlite";
import type { Store } from "@keystead/vault/stores/store";

const HIERARCHY = {
  vaultId: "v",
  kek: createSecretKey(randomBytes(32)),
  recordMacKey: createSecretKey(randomBytes(48)),
  auditMacKey: createSecretKey(randomBytes(32)),
  indexKey: createSecretKey(randomBytes(32)),
};
const macer = mechanismFor("HMAC-SHA-256").macer as NonNullable<ReturnType<typeof mechanismFor>["macer"]>;
const DATA = Buffer.from("made once");

/** The vault's objects over a store, with a log that is only its anchors. */
class Real {
  readonly anchors = new Map<string, string>();
  readonly store: () => Store;
  readonly reopenStore: () => void;
  now = 1_000_000;
  objects: Objects;
  /** A code that each version made while it was current. */
  readonly codes = new Map<number, Buffer>();

  constructor(store: () => Store, reopenStore: () => void) {
    this.store = store;
    this.reopenStore = reopenStore;
    this.objects = this.open();
  }

  open(): Objects {
    const records = new VaultedRecords(
      this.store(),
      HIERARCHY,
      (name) => this.anchors.get(name),
      () => this.now,
    );
    return new Objects({ records, hierarchy: HIERARCHY, cacheSizeBytes: 1 << 20, now: () => this.now, record: () => Promise.resolve() });
  }

  reopen(): void {
    this.reopenStore();
    this.objects = this.open();
  }

  commit({ change }: { readonly change: Change }): void {
    this.store().commit(change.writes, [], 0);
    for (const write of change.writes) this.anchors.set(recordName(write.key), write.digest);
    change.settle(true);
  }

  async begin(state: "pre_activation" | "active"): Promise<void> {
    this.commit(await this.objects.createNamespace("ns", "", 0));
    const key = await mechanismFor("HMAC-SHA-256").generate();
    this.commit(
      await this.objects.create({
        namespace: "ns",
        keyId: "k",
        algorithm: "HMAC-SHA-256",
        usage: ["mac", "verify_mac"],
        tags: [],
        description: "",
        key,
        local: true,
        state,
      }),
    );
  }

  alter(step: (before: KeyAttributes, now: number) => Step): Promise<PreparedKey> {
    return this.objects.alter("ns", "k", step);
  }

  use(usage: "mac" | "verify_mac", version: number, mayUseRevoked: boolean): Promise<OpenKey> {
    return this.objects.open(issueGrant({ principal: "p", operation: "T", namespace: "ns", keyId: "k", usage, mayUseRevoked }), version);
  }

  /** Remembers what the current version makes, for later. */
  async sample(): Promise<void> {
    const { key, version } = await this.use("mac", 0, false);
    this.codes.set(version, macer.mac(key, DATA, {}).mac);
  }
}

interface Version {
  state: string;
  origin: number;
  due?: { at: number; back: string };
}

/** What should be true. */
class Model {
  state: string;
  due: { at: number; back: string } | undefined;
  versions = new Map<number, Version>([[1, { state: "active", origin: 1 }]]);
  current = 1;
  constructor(state: string) {
    this.state = state;
  }

  /** Which of the two states counts: whatever permits less. */
  counting(version: Version): string {
    const order = ["active", "deactivated", "revoked", "compromised", "suspended", "pre_activation", "purge_scheduled", "destroyed"];
    return order[Math.max(order.indexOf(this.state), order.indexOf(version.state))] as string;
  }

  mayUse(usage: "mac" | "verify_mac", version: Version, mayUseRevoked: boolean): boolean {
    switch (this.counting(version)) {
      case "active":
        return true;
      case "deactivated":
        return usage === "verify_mac";
      case "revoked":
      case "compromised":
        return usage === "verify_mac" && mayUseRevoked;
      default:
        return false;
    }
  }

  get over(): boolean {
    return this.state === "destroyed" || this.state === "purge_scheduled";
  }

  add(origin: number): void {
    (this.versions.get(this.current) as Version).state = "deactivated";
    this.current += 1;
    this.versions.set(this.current, { state: "active", origin });
  }

  destroy(): void {
    this.state = "destroyed";
    for (const version of this.versions.values()) version.state = "destroyed";
  }
}

const OK = "OK";
const code = async (change: Promise<PreparedKey>, real: Real): Promise<string> => {
  try {
    real.commit(await change);
    return OK;
  } catch (error) {
    return (error as HsmError).code;
  }
};
const FORBIDS = "KEY_STATE_FORBIDS";

type Command = fc.AsyncCommand<Model, Real>;
const command = (name: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

/** A step that a key in one of these states takes. */
const step = (operation: string, from: readonly string[], to: string): Command =>
  command(operation, async (model, real) => {
    const answer = await code(
      real.alter((before, now) => moveKey(operation, "k", before, now)),
      real,
    );
    assert.equal(answer, from.includes(model.state) ? OK : FORBIDS, operation);
    if (answer !== OK) return;
    model.state = to;
    if (to === "active") await real.sample();
  });

const UNREVOKED = ["pre_activation", "active", "suspended", "deactivated"];

const revocation = (version: number, compromise: boolean): Command =>
  command(`revoke(${version}, ${compromise})`, async (model, real) => {
    const request = {
      version,
      reason: compromise ? ("key_compromise" as const) : ("superseded" as const),
      compromiseDate: undefined,
      comment: "",
    };
    const answer = await code(
      real.alter((before, now) => revoke("k", before, request, now)),
      real,
    );
    const from = compromise ? [...UNREVOKED, "revoked"] : UNREVOKED;
    const to = compromise ? "compromised" : "revoked";
    if (version === 0) {
      assert.equal(answer, from.includes(model.state) ? OK : FORBIDS);
      if (answer === OK) model.state = to;
      return;
    }
    const wanted = model.versions.get(version);
    const family = [...model.versions].filter(([, other]) => other.origin === wanted?.origin);
    if (model.over) assert.equal(answer, FORBIDS);
    else if (wanted === undefined) assert.equal(answer, "OBJECT_NOT_FOUND");
    else if (version === model.current) assert.equal(answer, "INVALID_REQUEST");
    else if (!from.includes(wanted.state)) assert.equal(answer, FORBIDS);
    else if (family.some(([number]) => number === model.current)) assert.equal(answer, "INVALID_REQUEST");
    else {
      assert.equal(answer, OK);
      // Copies have the same material: they go with it, and so does what waits to be destroyed, should it come back.
      for (const [, other] of family) {
        if (from.includes(other.state)) other.state = to;
        else if (other.due !== undefined && from.includes(other.due.back)) other.due.back = to;
      }
    }
  });

const destruction = (version: number, delay: number): Command =>
  command(`destroy(${version}, ${delay})`, async (model, real) => {
    const at = real.now + delay;
    const answer = await code(
      real.alter((before, now) => scheduleDestruction("k", before, version, at, now)),
      real,
    );
    const wanted = model.versions.get(version);
    if (model.over) assert.equal(answer, FORBIDS);
    else if (version === 0) {
      assert.equal(answer, OK);
      model.due = { at, back: model.state };
      model.state = "purge_scheduled";
    } else if (wanted === undefined) assert.equal(answer, "OBJECT_NOT_FOUND");
    else if (version === model.current) assert.equal(answer, "INVALID_REQUEST");
    else if (["purge_scheduled", "destroyed"].includes(wanted.state)) assert.equal(answer, FORBIDS);
    else {
      assert.equal(answer, OK);
      wanted.due = { at, back: wanted.state };
      wanted.state = "purge_scheduled";
    }
  });

/** CancelDestruction, or PurgeKey. */
const ending = (version: number, purge: boolean): Command =>
  command(`${purge ? "purge" : "cancel"}(${version})`, async (model, real) => {
    const answer = await code(
      real.alter((before, now) => (purge ? purgeDue : cancelDestruction)("k", before, version, now)),
      real,
    );
    const wanted = model.versions.get(version);
    if (version === 0) {
      const due = model.state === "purge_scheduled" ? model.due : undefined;
      assert.equal(answer, due === undefined || (purge && due.at > real.now) ? FORBIDS : OK);
      if (answer !== OK) return;
      if (purge) model.destroy();
      else model.state = (due as NonNullable<typeof due>).back;
      return;
    }
    if (model.over) return assert.equal(answer, FORBIDS);
    if (wanted === undefined) return assert.equal(answer, "OBJECT_NOT_FOUND");
    if (version === model.current) return assert.equal(answer, "INVALID_REQUEST");
    if (wanted.state !== "purge_scheduled" || (purge && (wanted.due?.at ?? Infinity) > real.now)) return assert.equal(answer, FORBIDS);
    assert.equal(answer, OK);
    wanted.state = purge ? "destroyed" : (wanted.due?.back as string);
    delete wanted.due;
  });

const rotation = command("rotate", async (model, real) => {
  const answer = await code(
    real.objects.rotate("ns", "k", (algorithm) => mechanismFor(algorithm).generate()),
    real,
  );
  assert.equal(answer, model.state === "active" ? OK : FORBIDS);
  if (answer !== OK) return;
  model.add(model.current + 1);
  await real.sample();
});

const rollback = (version: number): Command =>
  command(`rollback(${version})`, async (model, real) => {
    const answer = await code(real.objects.rollback("ns", "k", version), real);
    const wanted = model.versions.get(version);
    if (model.state !== "active") return assert.equal(answer, FORBIDS);
    if (wanted === undefined) return assert.equal(answer, "OBJECT_NOT_FOUND");
    if (version === model.current) return assert.equal(answer, "INVALID_REQUEST");
    if (wanted.state !== "deactivated") return assert.equal(answer, FORBIDS);
    assert.equal(answer, OK);
    model.add(wanted.origin);
    await real.sample();
    // The same material makes the same code, under a number of its own.
    assert.deepEqual(real.codes.get(model.current), real.codes.get(version));
  });

const deletion = command("delete", async (model, real) => {
  const answer = await code(real.objects.destroy("ns", "k"), real);
  assert.equal(answer, model.state === "destroyed" ? FORBIDS : OK);
  model.destroy();
});

const use = (usage: "mac" | "verify_mac", version: number, mayUseRevoked: boolean): Command =>
  command(`${usage}(${version}, ${mayUseRevoked})`, async (model, real) => {
    const number = version === 0 ? model.current : version;
    const wanted = model.versions.get(number);
    let opened: OpenKey;
    try {
      opened = await real.use(usage, version, mayUseRevoked);
    } catch (error) {
      const expected = model.state === "destroyed" || wanted !== undefined ? FORBIDS : "OBJECT_NOT_FOUND";
      assert.equal((error as HsmError).code, expected);
      assert.ok(wanted === undefined || !model.mayUse(usage, wanted, mayUseRevoked), `${usage} ${number} was refused`);
      return;
    }
    assert.ok(wanted !== undefined && model.mayUse(usage, wanted, mayUseRevoked), `${usage} ${number} was permitted`);
    assert.equal(opened.version, number);
    const made = real.codes.get(number);
    if (made !== undefined) assert.equal(macer.verify(opened.key, DATA, made, {}), true, `version ${number} verifies what it made`);
  });

const passing = (milliseconds: number): Command =>
  command(`wait(${milliseconds})`, (_model, real) => {
    real.now += milliseconds;
    return Promise.resolve();
  });

const reopening = command("reopen", (_model, real) => {
  real.reopen();
  return Promise.resolve();
});

/** The process ends after a change was prepared and before it was durable: it never happened. */
const crash = command("crash", async (_model, real) => {
  const prepared = await Promise.allSettled([real.objects.rotate("ns", "k", (algorithm) => mechanismFor(algorithm).generate())]);
  for (const outcome of prepared) if (outcome.status === "fulfilled") outcome.value.change.settle(false);
  real.reopen();
});

/** Everything that can be seen is what the model says. */
const looking = command("look", async (model, real) => {
  const { attributes } = await real.objects.describe("ns", "k");
  assert.equal(attributes.state, model.state);
  assert.equal(attributes.current, model.current);
  assert.deepEqual(
    attributes.versions.map(({ version, state }) => [version, state]),
    [...model.versions].map(([version, { state }]) => [version, state]),
  );
  for (const [version, { state }] of model.versions) {
    const stored = await real.store().get({ namespace: "ns", kind: "version", id: "k", version });
    assert.equal(stored === undefined, state === "destroyed", `material of version ${version}`);
  }
});

const version = fc.nat(4);
const delay = fc.constantFrom(0, 5, 50);
const COMMANDS: fc.Arbitrary<Command>[] = [
  fc.constant(step("ActivateKey", ["pre_activation"], "active")),
  fc.constant(step("SuspendKey", ["active"], "suspended")),
  fc.constant(step("ResumeKey", ["suspended"], "active")),
  fc.constant(step("DeactivateKey", ["active", "suspended"], "deactivated")),
  fc.tuple(version, fc.boolean()).map(([number, compromise]) => revocation(number, compromise)),
  fc.tuple(version, delay).map(([number, wait]) => destruction(number, wait)),
  fc.tuple(version, fc.boolean()).map(([number, purge]) => ending(number, purge)),
  fc.constant(rotation),
  fc.constant(rotation),
  fc.integer({ min: 1, max: 4 }).map(rollback),
  fc
    .tuple(fc.constantFrom("mac" as const, "verify_mac" as const), version, fc.boolean())
    .map(([usage, number, revoked]) => use(usage, number, revoked)),
  delay.map(passing),
  fc.constant(reopening),
  fc.constant(crash),
  fc.constant(looking),
];
/** Now and then the end: more often, and no sequence would get anywhere. */
const SEQUENCE = fc
  .tuple(fc.commands(COMMANDS, { maxCommands: 40, size: "max" }), fc.boolean())
  .map(([commands, ends]) => [...commands, ...(ends ? [deletion, looking] : [looking])]);

async function follow(commands: Iterable<Command>, begin: "pre_activation" | "active", real: Real): Promise<void> {
  await real.begin(begin);
  const model = new Model(begin);
  if (begin === "active") await real.sample();
  await fc.asyncModelRun(() => ({ model, real }), [...commands]);
}

const BEGIN = fc.constantFrom("pre_activation" as const, "active" as const, "active" as const);

test("memory: any order of calls stays inside the table, and old versions verify through all of it", async () => {
  await fc.assert(
    fc.asyncProperty(SEQUENCE, BEGIN, async (commands, begin) => {
      const store = memoryStore();
      await follow(
        commands,
        begin,
        new Real(
          () => store,
          () => undefined,
        ),
      );
    }),
    { numRuns: 3000 },
  );
});

/** Stores that outlive a process, in a folder of their own. */
const LASTING: readonly (readonly [name: string, open: (folder: string) => Store, runs: number])[] = [
  ["SQLite", (folder) => sqliteStore({ path: join(folder, "k.db"), wal: true, syncMode: "none" }), 300],
  ["filesystem", (folder) => filesystemStore({ folder, durable: false }), 150],
];

for (const [name, openIn, numRuns] of LASTING)
  test(`${name}: the same, with the store closed and opened again`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "keystead-lifecycle-"));
    let runs = 0;
    try {
      await fc.assert(
        fc.asyncProperty(SEQUENCE, BEGIN, async (commands, begin) => {
          runs += 1;
          const own = join(folder, String(runs));
          mkdirSync(own);
          const open = (): Store => openIn(own);
          let store = open();
          try {
            await follow(
              commands,
              begin,
              new Real(
                () => store,
                () => {
                  store.close();
                  store = open();
                },
              ),
            );
          } finally {
            store.close();
          }
        }),
        { numRuns },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
