/**
 * Both verifiers of audit logs, the product's and the one in Python that shares no code with it, asked about the same damaged
 * logs. Each must find all that can be found, and name the same first bad event.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { firstOpinion } from "../audit-verifier/first-opinion.ts";
import { SecondOpinion, type LogFiles } from "../audit-verifier/second-opinion.ts";
import type { Golden } from "../golden-logs/golden.ts";
import { damageOf, KINDS } from "./log-damage.ts";
import type { Random } from "./seeded.ts";

export interface Tally {
  readonly damaged: number;
  /** Of which both found what is wrong. */
  readonly found: number;
  /** Nothing that is promised was changed, or nothing that files can show. */
  readonly harmless: number;
  readonly byKind: ReadonlyMap<string, number>;
}

/** Damages a golden log so many times. @throws {AssertionError} the first disagreement, with what it was about */
export async function damageLogs({ files, facts }: Golden, rounds: number, random: Random): Promise<Tally> {
  const keys = { audit: Buffer.from(facts.audit_key, "hex"), wrong: randomBytes(32) };
  const second = new SecondOpinion();
  const byKind = new Map(KINDS.map((kind) => [kind, 0]));
  let found = 0;
  try {
    await second.open(files, facts);
    for (let round = 0; round < rounds; round += 1) {
      const { kind, changed, truth } = damageOf(files, keys, random);
      const damaged: LogFiles = new Map(
        [...new Map([...files, ...changed])].filter((entry): entry is [string, Buffer] => entry[1] !== null),
      );
      const [ours, theirs, keyless, theirKeyless] = await Promise.all([
        firstOpinion(damaged, facts),
        second.verify(changed),
        firstOpinion(damaged, {}),
        second.verify(changed, false),
      ]);
      const about = `round ${round}, seed ${random.seed}: ${kind}\n${JSON.stringify({ truth, ours, theirs }, undefined, 1)}`;
      const expected = { verified: !truth.found, first_bad_sequence: truth.firstBad };
      for (const { verified, first_bad_sequence } of [ours, theirs]) assert.deepEqual({ verified, first_bad_sequence }, expected, about);
      const without = `without keys, ${about}\n${JSON.stringify({ keyless, theirKeyless }, undefined, 1)}`;
      if (!truth.found) assert.deepEqual([keyless.verified, theirKeyless.verified], [true, true], without);
      if (truth.foundKeyless) assert.deepEqual([keyless.verified, theirKeyless.verified], [false, false], without);
      if (truth.found) found += 1;
      byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
    }
  } finally {
    await second.close();
  }
  return { damaged: rounds, found, harmless: rounds - found, byKind };
}
