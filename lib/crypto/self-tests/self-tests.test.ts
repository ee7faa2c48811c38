/**
 * The self-tests, tested: each row passes with what is there, and each fails once any part of its mechanism is broken.
 */
import assert from "node:assert/strict";
import { randomFillSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { ALGORITHM_NAMES, DIGEST_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import type { Key } from "../composite-key.ts";
import type { Mechanism } from "../mechanism.ts";
import { mechanisms } from "../mechanisms/register.ts";
import { consistent } from "./consistency.ts";
import { EntropyHealth, PROPORTION_CUTOFF, REPETITION_CUTOFF, STARTUP_BYTES, WINDOW } from "./entropy-health.ts";
import { FUNCTION_ANSWERS } from "./functions.ts";
import { KNOWN_ANSWERS } from "./mechanisms.ts";
import { runSelfTests, type SelfTestSubjects } from "./run.ts";

const SOUND: SelfTestSubjects = {
  mechanismFor: (name) => mechanisms[name],
  functions: FUNCTION_ANSWERS,
  random: (target) => randomFillSync(target),
};

/** The members of a mechanism that do something with keys: signer, cipher, macer and whatever comes. */
const partsOf = (mechanism: Mechanism<Key>): string[] =>
  Object.entries(mechanism).flatMap(([name, value]) => (typeof value === "object" && value !== null && name !== "form" ? [name] : []));

type Spoil = (answer: unknown) => unknown;

/** What a function answers, turned into its opposite: the last bit of bytes, the other truth value. */
function spoiled(answer: unknown): unknown {
  if (answer instanceof Promise) return answer.then(spoiled);
  if (typeof answer === "boolean") return !answer;
  if (answer instanceof Uint8Array) {
    const copy = Buffer.from(answer);
    if (copy.length > 0) copy[copy.length - 1] = (copy.at(-1) as number) ^ 1;
    return copy;
  }
  if (typeof answer === "object" && answer !== null && answer.constructor === Object)
    return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, spoiled(value)]));
  return answer;
}

/** The same for bytes alone: what checks them stays as it is. */
const spoiledBytes: Spoil = (answer) =>
  answer instanceof Promise ? answer.then(spoiledBytes) : typeof answer === "boolean" ? answer : spoiled(answer);

/** The mechanism with one part giving wrong answers. */
function broken(mechanism: Mechanism<Key>, part: string, spoil: Spoil = spoiled): Mechanism<Key> {
  const whole = mechanism[part as "signer"] as unknown as Record<string, unknown>;
  const wrong = Object.fromEntries(
    Object.entries(whole).map(([name, value]) => [
      name,
      typeof value === "function" ? (...args: unknown[]): unknown => spoil((value as (...args: unknown[]) => unknown)(...args)) : value,
    ]),
  );
  return { ...mechanism, [part]: wrong } as Mechanism<Key>;
}

const holds = async (name: AlgorithmName, mechanism: Mechanism<Key>): Promise<boolean> => {
  try {
    return await KNOWN_ANSWERS[name].holds(mechanism);
  } catch {
    return false;
  }
};

test("every known answer comes out, and the whole run takes less than a second of the processor", async (t) => {
  const before = process.cpuUsage();
  const report = await runSelfTests();
  // Time of the processor, threads included: the machine may be busy with something else.
  const { user, system } = process.cpuUsage(before);
  assert.deepEqual(
    report.results.filter(({ passed }) => !passed).map(({ name }) => name),
    [],
  );
  assert.equal(report.passed, true);
  assert.equal(report.results.length, 1 + FUNCTION_ANSWERS.length + ALGORITHM_NAMES.length);
  for (const { name } of report.results) assert.equal(report.results.filter((other) => other.name === name).length, 1, name);
  const slowest = report.results.toSorted((a, b) => b.durationUs - a.durationUs).slice(0, 5);
  t.diagnostic(
    `${report.durationUs} us, ${user + system} us of the processor; ${slowest.map(({ name, durationUs }) => `${name} ${durationUs}`).join(", ")}`,
  );
  assert.ok(user + system < 1_000_000, `${user + system} us`);
});

// A part that several sizes share as one object is tested with one of them.
const covered = new Map<unknown, string>();
for (const name of ALGORITHM_NAMES) {
  test(`${name}: its known answer notices when a part of the mechanism is broken`, async () => {
    const mechanism = mechanisms[name];
    const parts = partsOf(mechanism);
    assert.ok(parts.length > 0);
    for (const part of parts) {
      const object = mechanism[part as "signer"];
      if (covered.has(object)) continue;
      assert.equal(await holds(name, broken(mechanism, part)), false, `${part} may be broken unnoticed`);
      covered.set(object, name);
    }
  });

  // Seconds for each signature of the slow sets. That a fresh key of them is consistent every generation shows, of which there are many
  // in other files; of the refusal SHA2-128s stands for the others.
  if (/^SLH-DSA-.*s$/.test(name) && name !== "SLH-DSA-SHA2-128s" && process.env["KEYSTEAD_SOAK"] !== "true") continue;
  test(`${name}: a fresh key is consistent, and is refused when one half does not fit the other`, { timeout: 120_000 }, async () => {
    const mechanism = mechanisms[name];
    const key = await mechanism.generate();
    assert.equal(await consistent(mechanism, key), true);
    for (const part of partsOf(mechanism)) assert.equal(await consistent(broken(mechanism, part, spoiledBytes), key), false, part);
  });
}

test("a mechanism that can do nothing with its keys, or throws, is not consistent", async () => {
  const key: KeyObject = await mechanisms.Ed25519.generate();
  const { signer: _signer, ...nothing } = mechanisms.Ed25519;
  assert.equal(await consistent(nothing, key), false);
  const throwing = { ...mechanisms.Ed25519, signer: { ...mechanisms.Ed25519.signer, signPooled: () => assert.fail("broken") } } as never;
  assert.equal(await consistent(throwing, key), false);
});

test("one wrong mechanism, one wrong function or a stuck source fails the whole run and is named", async () => {
  const cases: readonly (readonly [string, SelfTestSubjects])[] = [
    ["Ed25519", { ...SOUND, mechanismFor: (name) => (name === "Ed25519" ? broken(mechanisms.Ed25519, "signer") : mechanisms[name]) }],
    ["SHA-256", { ...SOUND, functions: FUNCTION_ANSWERS.map((row) => (row.name === "SHA-256" ? { ...row, holds: () => false } : row)) }],
    [
      "BLAKE3",
      { ...SOUND, functions: FUNCTION_ANSWERS.map((row) => (row.name === "BLAKE3" ? { ...row, holds: () => assert.fail() } : row)) },
    ],
    ["random source", { ...SOUND, random: (target) => target.fill(7) }],
  ];
  for (const [name, subjects] of cases) {
    const report = await runSelfTests(subjects);
    assert.equal(report.passed, false, name);
    assert.deepEqual(
      report.results.filter(({ passed }) => !passed).map((result) => result.name),
      [name],
    );
  }
});

test("every digest has a known answer", () => {
  const named = FUNCTION_ANSWERS.map(({ name }) => name);
  assert.deepEqual(
    DIGEST_NAMES.filter((name) => !named.includes(name)),
    [],
  );
});

test("repetition: the cutoff is reached by exactly so many equal bytes, also over two draws", () => {
  const varied = Buffer.from(Array.from({ length: 64 }, (_, index) => index));
  assert.equal(new EntropyHealth().accepts(Buffer.concat([varied, Buffer.alloc(REPETITION_CUTOFF - 1, 200), varied])), true);
  const health = new EntropyHealth();
  assert.equal(health.accepts(Buffer.concat([varied, Buffer.alloc(REPETITION_CUTOFF - 1, 200)])), true);
  assert.equal(health.accepts(Buffer.from([200])), false);
  assert.equal(health.failed, true);
  assert.equal(health.accepts(varied), false, "a source that failed once is not trusted again");
});

test("proportion: the cutoff is the least with a false alarm in 2^56 windows, and counts the window's first value alone", () => {
  // 1 + critbinom(512, 2^-7, 1 - 2^-56), in exact arithmetic: sum of C(n, k) 127^(n-k) against 128^n.
  const total = 128n ** BigInt(WINDOW);
  let choose = 1n;
  let below = 0n;
  let k = 0;
  for (; (total - below) << 56n > total; k += 1) {
    below += choose * 127n ** BigInt(WINDOW - k);
    choose = (choose * BigInt(WINDOW - k)) / BigInt(k + 1);
  }
  assert.equal(PROPORTION_CUTOFF, k);
  /** A window whose first value comes so often, never twice in a row. */
  const window = (times: number): Buffer =>
    Buffer.from(Array.from({ length: WINDOW }, (_, index) => (index % 2 === 0 && index / 2 < times ? 0 : 1 + (index % 200))));
  assert.equal(new EntropyHealth().accepts(Buffer.concat([window(PROPORTION_CUTOFF - 1), window(PROPORTION_CUTOFF - 1)])), true);
  assert.equal(new EntropyHealth().accepts(window(PROPORTION_CUTOFF)), false);
});

test("the system's source passes, sixteen MiB of it; one that leans to a value does not", () => {
  const health = new EntropyHealth();
  for (let round = 0; round < 256; round += 1) assert.equal(health.accepts(randomFillSync(Buffer.alloc(65_536))), true);
  assert.ok(STARTUP_BYTES >= 1024);
  // One bit in sixteen set: every byte is often zero.
  const leaning = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index % 3 === 0 ? 16 : 0)));
  assert.equal(new EntropyHealth().accepts(leaning), false);
});
