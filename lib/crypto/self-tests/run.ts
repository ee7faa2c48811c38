/**
 * Runs the self-tests that come before anything else: every mechanism, every function, and the random source.
 *
 * One failure spoils the whole: the caller must then do nothing but say so. This file must never skip a row, and
 * never lets a thrown error pass for anything but a failure.
 *
 * @see FIPS 140-3 IG 10.2.A (self-tests at start); NIST SP 800-90B §4.3 (start-up health tests)
 */
import { randomFillSync } from "node:crypto";
import { ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import type { Key } from "../composite-key.ts";
import type { Mechanism } from "../mechanism.ts";
import { mechanismFor } from "../mechanisms/register.ts";
import { EntropyHealth, STARTUP_BYTES } from "./entropy-health.ts";
import { FUNCTION_ANSWERS, type FunctionAnswer } from "./functions.ts";
import { KNOWN_ANSWERS } from "./mechanisms.ts";

/** How one self-test went. */
export interface SelfTestResult {
  /** Mechanism, function, or "random source". */
  readonly name: string;
  readonly kind: "mechanism" | "function" | "entropy";
  /** Where the answer is published, or which tests were made. */
  readonly source: string;
  readonly passed: boolean;
  readonly durationUs: number;
}

export interface SelfTestReport {
  readonly passed: boolean;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly durationUs: number;
  readonly results: readonly SelfTestResult[];
}

/** What is tested; a test puts something broken here, and nothing else can. */
export interface SelfTestSubjects {
  readonly mechanismFor: (name: AlgorithmName) => Mechanism<Key>;
  readonly functions: readonly FunctionAnswer[];
  /** Fills the buffer with fresh random bytes. */
  readonly random: (target: Buffer) => Buffer;
}

const OURS: SelfTestSubjects = { mechanismFor, functions: FUNCTION_ANSWERS, random: (target) => randomFillSync(target) };

/** Runs everything, one after the other. Never throws. */
export async function runSelfTests(subjects: SelfTestSubjects = OURS): Promise<SelfTestReport> {
  const time = Date.now();
  const started = performance.now();
  const results: SelfTestResult[] = [];
  const row = async (about: Omit<SelfTestResult, "passed" | "durationUs">, holds: () => boolean | Promise<boolean>): Promise<void> => {
    const before = performance.now();
    let passed = false;
    try {
      passed = await holds();
    } catch {
      // What cannot even be run has failed.
    }
    results.push({ ...about, passed, durationUs: Math.round((performance.now() - before) * 1000) });
  };
  await row({ name: "random source", kind: "entropy", source: "NIST SP 800-90B §4.4.1, §4.4.2" }, () =>
    new EntropyHealth().accepts(subjects.random(Buffer.alloc(STARTUP_BYTES))),
  );
  for (const { name, source, holds } of subjects.functions) await row({ name, kind: "function", source }, holds);
  for (const name of ALGORITHM_NAMES) {
    const { source, holds } = KNOWN_ANSWERS[name];
    await row({ name, kind: "mechanism", source }, () => holds(subjects.mechanismFor(name)));
  }
  return {
    passed: results.every(({ passed }) => passed),
    time,
    durationUs: Math.round((performance.now() - started) * 1000),
    results,
  };
}
