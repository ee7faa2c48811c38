/**
 * Rounds of load, kill -9 and comparison.
 *
 * The client writes down what it was promised. After every kill the promises are held against the log, the store and
 * the keys themselves: an acknowledged operation is in the log once, with its outcome; an operation nobody answered
 * is there once or not at all; log and store verify; an acknowledged key is there and its old signatures verify.
 */
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { newFolder, startServer, type RestReply, type TestServer } from "../server.ts";
import { eventsOf, inspect, segmentsOf } from "./inspected.ts";
import type { Random } from "./seeded.ts";

const IN_FLIGHT = 64;

/** How the vault may answer a request that a kill came upon. None of these says that anything was done. */
const EXCUSES = new Set(["PROVIDER_UNAVAILABLE", "VAULT_SEALED", "OBJECT_CHANGED", "AUDIT_UNAVAILABLE"]);

interface KnownKey {
  readonly id: string;
  readonly algorithm: string;
  /** Public halves by version, as acknowledged. */
  readonly publicKeys: Map<number, string>;
  /** The oldest promise: a signature or ciphertext by it. */
  proof?: { readonly data: string; readonly made: string; readonly nonce?: string };
}

interface Promised {
  readonly action: string;
  /** OK, or the code of the refusal; undefined when nobody answered. */
  outcome?: string;
}

export interface KillOptions {
  readonly rounds: number;
  readonly random: Random;
  readonly say: (text: string) => void;
}

/** Runs the rounds on one data folder. @throws {AssertionError} for the first broken promise */
export async function killRounds({ rounds, random, say }: KillOptions): Promise<void> {
  const dataDir = join(newFolder(), "data");
  const promises = new Map<string, Promised>();
  const keys = new Map<string, KnownKey>();
  let number = 0;
  let answered = 0;
  let unknown = 0;
  let server = await startServer({ dataDir });
  const kills = { vault: 0, gateway: 0, all: 0, cut: 0 };
  try {
    for (const [id, algorithm] of [
      ["sign-1", "Ed25519"],
      ["sign-2", "ECDSA-P256"],
      ["seal-1", "AES-256-GCM"],
    ] as const)
      await makeKey(server, id, algorithm);
    for (let round = 1; round <= rounds; round += 1) {
      // A part that was killed often is started again later and later; then everything goes, and the count with it.
      const often = server.logs().filter(({ message }) => message.endsWith("it is started again")).length > 6;
      const what = often
        ? "all"
        : ((["vault", "gateway", "all", "all"] as const)[(round + random.seed) % 4] as "vault" | "gateway" | "all");
      const before = answered;
      const from = server.logs().length;
      const target = before + 100 + random.below(900);
      let stopped = false;
      let wake = (): void => undefined;
      const enough = new Promise<void>((resolve) => (wake = resolve));
      const load = Array.from({ length: IN_FLIGHT }, async () => {
        while (!stopped && (await one(server))) if (answered >= target) wake();
      });
      await Promise.race([enough, Promise.all(load).then(() => assert.fail("the load ended before the kill"))]);
      await new Promise((resolve) => setTimeout(resolve, random.below(20)));
      const inFlight = [...promises.values()].filter(({ outcome }) => outcome === undefined).length - unknown;
      server.kill(what);
      stopped = true;
      kills[what] += 1;
      await Promise.all(load);
      unknown = [...promises.values()].filter(({ outcome }) => outcome === undefined).length;
      let cut = 0;
      if (what === "all") {
        await server.ended;
        if (random.below(3) > 0) cut = cutTail(dataDir, promises, random);
        if (cut > 0) kills.cut += 1;
        server = await startServer({ dataDir });
      } else {
        await server.ready(what, from);
      }
      say(
        `round ${round}: killed ${what} with ${inFlight} in flight after ${answered - before} answers${cut > 0 ? `, ${cut} bytes cut` : ""}`,
      );
      assert.ok(inFlight >= 50, `only ${inFlight} requests were in flight`);
      await comparePromises();
      await compareKeys(round === rounds ? [...keys.values()] : [...keys.values()].slice(-80));
    }
    say(
      `${promises.size} requests, ${answered} acknowledged, ${keys.size} keys, kills ${JSON.stringify(kills)}, codes ${JSON.stringify(tally())}`,
    );
    assert.equal(await server.stop(), 0);
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }

  function tally(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { outcome = "nobody answered" } of promises.values()) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  }

  /** Sends a request under an id of its own and writes down what came of it. */
  async function ask(action: string, method: string, path: string, body?: object): Promise<RestReply | undefined> {
    const id = `kill-${++number}`;
    const promise: Promised = { action };
    promises.set(id, promise);
    let reply: RestReply;
    try {
      reply = await server.rest(method, path, body, { "x-request-id": id });
    } catch {
      return undefined;
    }
    promise.outcome = reply.status < 300 ? "OK" : String(reply.body.code);
    if (promise.outcome === "OK") answered += 1;
    else assert.ok(EXCUSES.has(promise.outcome), `${action}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  async function makeKey(on: TestServer, id: string, algorithm: string): Promise<boolean> {
    assert.equal(on, server);
    const reply = await ask("GenerateKey", "POST", "/api/v1/keys", { key_id: id, algorithm });
    if (reply === undefined || reply.status !== 201) return reply !== undefined;
    keys.set(id, { id, algorithm, publicKeys: new Map([[1, reply.body.public_key as string]]) });
    return true;
  }

  /** One request of the mix. @returns false when the connection is gone */
  async function one(on: TestServer): Promise<boolean> {
    const dice = random.below(100);
    if (dice < 8) return makeKey(on, `made-${number}-${random.below(1e9)}`, random.of(["Ed25519", "ECDSA-P256", "AES-256-GCM"]));
    const all = [...keys.values()];
    const signers = all.filter(({ algorithm }) => algorithm !== "AES-256-GCM");
    const sealers = all.filter(({ algorithm }) => algorithm === "AES-256-GCM");
    const data = Buffer.from(`data ${number}`).toString("base64");
    if (dice < 16) {
      const key = random.of(signers);
      const reply = await ask("RotateKey", "POST", `/api/v1/keys/${key.id}/rotate`, {});
      if (reply?.status === 200) key.publicKeys.set(reply.body.key.version as number, reply.body.public_key as string);
      return reply !== undefined;
    }
    if (dice < 35) {
      const key = random.of(sealers);
      const reply = await ask("Encrypt", "POST", `/api/v1/keys/${key.id}/encrypt`, { plaintext: data });
      if (reply?.status === 200) key.proof ??= { data, made: reply.body.ciphertext, nonce: reply.body.nonce };
      return reply !== undefined;
    }
    const key = random.of(signers);
    const reply = await ask("Sign", "POST", `/api/v1/keys/${key.id}/sign`, { data });
    if (reply?.status !== 200) return reply !== undefined;
    const publicKey = key.publicKeys.get(reply.body.version);
    // A rotation whose answer is under way may have made the version already.
    if (publicKey !== undefined)
      assert.ok(
        verify(
          key.algorithm === "Ed25519" ? null : "sha256",
          Buffer.from(data, "base64"),
          createPublicKey(publicKey),
          Buffer.from(reply.body.signature, "base64"),
        ),
      );
    key.proof ??= { data, made: reply.body.signature };
    return true;
  }

  async function comparePromises(): Promise<void> {
    const logged = new Map<string, { action: string; outcome: string }[]>();
    for (const { event } of eventsOf(dataDir)) {
      const of = logged.get(event.request);
      if (of === undefined) logged.set(event.request, [event]);
      else of.push(event);
    }
    for (const [id, { action, outcome }] of promises) {
      const events = logged.get(id) ?? [];
      assert.ok(events.length <= 1, `${id} (${action}) is in the log ${events.length} times`);
      const [event] = events;
      if (event !== undefined) assert.equal(event.action, action);
      if (outcome === "OK") assert.equal(event?.outcome, "OK", `${id}: ${action} was acknowledged`);
      if (outcome === "OBJECT_CHANGED") assert.equal(event?.outcome, "OBJECT_CHANGED", `${id}: ${action} was refused`);
    }
    for (const what of ["audit", "store"] as const) {
      const { status, verified, problems, macs_checked } = await inspect(what, dataDir);
      assert.deepEqual({ status, verified, problems, macs_checked }, { status: 0, verified: true, problems: [], macs_checked: true }, what);
    }
  }

  async function compareKeys(some: readonly KnownKey[]): Promise<void> {
    await Promise.all(
      some.map(async ({ id, algorithm, publicKeys, proof }) => {
        const known = await server.rest("GET", `/api/v1/keys/${id}`);
        assert.equal(known.status, 200, `key ${id} was acknowledged: ${JSON.stringify(known.body)}`);
        for (const version of publicKeys.keys()) {
          assert.ok(known.body.key.version >= version, `version ${version} of ${id} was acknowledged`);
          if (algorithm === "AES-256-GCM") continue;
          const shown = await server.rest("GET", `/api/v1/keys/${id}/public-key?version=${version}`);
          assert.equal(shown.body.public_key, publicKeys.get(version));
        }
        if (proof === undefined) return;
        if (algorithm === "AES-256-GCM") {
          const opened = await server.rest("POST", `/api/v1/keys/${id}/decrypt`, { ciphertext: proof.made, nonce: proof.nonce });
          assert.equal(opened.body.plaintext, proof.data, JSON.stringify(opened.body));
        } else {
          const checked = await server.rest("POST", `/api/v1/keys/${id}/verify`, { data: proof.data, signature: proof.made });
          assert.equal(checked.body.valid, true, `an old signature of ${id}: ${JSON.stringify(checked.body)}`);
        }
      }),
    );
  }
}

/**
 * Cuts the last segment, or fills it with zeros, from a random byte on that nothing promised depends on: after the
 * last acknowledged line that the store does not hold a copy of, and after what the store knows to be durable.
 *
 * @returns how many bytes of lines went
 */
function cutTail(dataDir: string, promises: ReadonlyMap<string, Promised>, random: Random): number {
  const { durable, outbox } = storeFacts(dataDir);
  const segment = segmentsOf(dataDir).at(-1) as string;
  const events = eventsOf(dataDir).filter((event) => event.segment === segment);
  let safe = 0;
  for (const { event, end } of events) {
    const acknowledged = promises.get(event.request)?.outcome !== undefined;
    if (event.sequence <= durable || (acknowledged && !outbox.has(event.sequence))) safe = end;
  }
  const size = statSync(segment).size;
  const linesEnd = events.at(-1)?.end ?? 0;
  const at = safe + random.below(Math.max(linesEnd, Math.min(size, safe + 1)) - safe + 1);
  if (random.below(2) === 0) truncateSync(segment, at);
  else writeFileSync(segment, readFileSync(segment).fill(0, at));
  return Math.max(0, linesEnd - at);
}

/** What the store says of the log, read from a copy: looking must not mend anything. */
function storeFacts(dataDir: string): { durable: number; outbox: Set<number> } {
  const copy = mkdtempSync(join(tmpdir(), "keystead-copy-"));
  try {
    for (const name of ["keystead.db", "keystead.db-wal"])
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(copy, name));
    const database = new DatabaseSync(join(copy, "keystead.db"));
    const durable =
      (database.prepare("SELECT value FROM facts WHERE name = 'durable_sequence'").get() as { value: number } | undefined)?.value ?? 0;
    const outbox = new Set(
      database
        .prepare("SELECT sequence FROM audit_outbox")
        .all()
        .map((row) => (row as { sequence: number }).sequence),
    );
    database.close();
    return { durable, outbox };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
