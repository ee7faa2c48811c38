/**
 * A log of which the oldest segments were deleted for their age and others set aside as damaged: the product and the verifier in
 * Python, which knows the format page alone, cross the same gaps, and find the same first bad event when one of them is not as
 * the log says.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import type { CrashingDisk } from "../../server/vault/audit/crashing-files.ts";
import { purgeSegments } from "../../server/vault/audit/purge.ts";
import { listSegments } from "../../server/vault/audit/segments.ts";
import { breakOf, markDamaged } from "../../server/vault/audit/set-aside.ts";
import { ARCHIVE, KEY, PATH, archive, event, keeping, opener, written } from "../../server/vault/audit/testing/aged-log.ts";
import { verifyLog, type SegmentBreak } from "../../server/vault/audit/verify.ts";
import { firstOpinion } from "../audit-verifier/first-opinion.ts";
import { PYTHON, SecondOpinion, type ChangedFiles, type LogFiles } from "../audit-verifier/second-opinion.ts";

const noPython = spawnSync(PYTHON, ["--version"]).status !== 0 && process.env["CI"] !== "true" && "there is no Python";
const second = noPython === false ? new SecondOpinion() : undefined;
after(() => second?.close());

const KEYS = { audit_key: KEY.export().toString("hex") };
const open = opener(1500);

/** Its files, and the names of the segments that are gone, by why. */
async function log(): Promise<{ files: LogFiles; purged: string[]; damaged: string[]; whole: string[] }> {
  const { disk: before, store } = await written(open);
  const aging = open(before, store);
  assert.ok((await archive(before, aging.log, 14)) >= 3);
  await purgeSegments(keeping(before, aging.log, 14));
  await aging.log.close();
  const paths = listSegments(before.files, PATH).filter(({ gone }) => gone === undefined);
  const targets = [paths[1]?.path, paths[3]?.path];
  const disk: CrashingDisk = before.copy((path, bytes) =>
    targets.includes(path) ? Buffer.from(bytes.toString("latin1").replace('"r', '"R'), "latin1") : bytes,
  );
  const opened = open(disk, store);
  const breaks: SegmentBreak[] = [];
  await verifyLog({ files: opened.files, path: PATH, macKey: KEY, onBreak: (found) => breaks.push(found) });
  const place = { files: disk.files, archiveFolder: ARCHIVE };
  await markDamaged(place, breaks);
  await opened.log.append({ ...event("ack", 41), action: "AcknowledgeAuditBreak", breaks: breaks.map((one) => breakOf(place, one)) });
  for (let more = 0; more < 12; more += 1) await opened.log.append(event(`later-${more}`, 42));
  await opened.log.close();
  const files = new Map(
    [...disk.contents].flatMap(([path, { now }]) => (path.startsWith(`${PATH}.`) ? [[path.slice(PATH.length + 1), now] as const] : [])),
  );
  const gone = (mark: string): string[] => [...files.keys()].filter((name) => name.endsWith(mark)).map((name) => name.slice(0, 16));
  const [purged, damaged] = [gone(".purged"), gone(".damaged")];
  const whole = [...files.keys()].filter((name) => /^\d{16}$/.test(name) && !damaged.includes(name)).sort();
  return { files, purged, damaged, whole };
}

const changedBy = (files: LogFiles, changed: ChangedFiles): LogFiles => {
  const all = new Map<string, Buffer | null>([...files, ...changed]);
  return new Map([...all].flatMap(([name, bytes]) => (bytes === null ? [] : [[name, bytes] as const])));
};

test(
  "both verifiers cross the same gaps, and agree on every way to add one, to take one away and to change one",
  { skip: noPython },
  async () => {
    const { files, purged, damaged, whole } = await log();
    assert.ok(purged.length >= 3 && damaged.length === 2 && whole.length >= 3);
    await second?.open(files, KEYS);
    const agree = async (changed: ChangedFiles, why: string): Promise<number | null> => {
      const mine = await firstOpinion(changedBy(files, changed), KEYS);
      const theirs = await second?.verify(changed);
      assert.deepEqual(theirs?.first_bad_sequence, mine.first_bad_sequence, `${why}: ${theirs?.problems.join()} / ${mine.problems.join()}`);
      assert.equal(theirs?.verified, false, why);
      if (mine.first_bad_sequence === null) assert.deepEqual([theirs?.events, theirs?.head], [mine.events, mine.head], why);
      return mine.first_bad_sequence;
    };
    const mark = Buffer.from("any content\n");
    assert.equal(await agree(new Map(), "as it is"), null);
    const first = (name: string): number => Number(name);
    for (const name of purged) {
      assert.equal(await agree(new Map([[`${name}.purged`, null]]), `${name} has no mark`), first(name));
      assert.equal(await agree(new Map([[`${name}.anchors`, null]]), `${name} has no list`), first(name));
      // What the log says is gone may be marked either way.
      assert.equal(
        await agree(
          new Map([
            [`${name}.purged`, null],
            [`${name}.damaged`, mark],
          ]),
          `${name} is marked otherwise`,
        ),
        null,
      );
    }
    for (const name of damaged) {
      assert.notEqual(await agree(new Map([[`${name}.damaged`, null]]), `${name} has no mark`), null);
      assert.equal(await agree(new Map([[`${name}.anchors`, null]]), `${name} has no list`), first(name));
      assert.equal(await agree(new Map([[name, null]]), `the file of ${name} is gone`), null);
      assert.notEqual(await agree(new Map([[`${name}.purged`, mark]]), `${name} is said to be deleted`), null);
    }
    for (const name of whole.slice(0, -1))
      for (const how of ["purged", "damaged"])
        assert.notEqual(await agree(new Map([[`${name}.${how}`, mark]]), `${name} is marked as ${how}`), null);
    assert.notEqual(await agree(new Map([[`${whole.at(-1)}.damaged`, mark]]), "the last segment is marked"), null);
    const named = [...purged, ...damaged];
    for (let round = 0; round < 200; round += 1) {
      const name = named[randomInt(named.length)] as string;
      const list = Buffer.from(files.get(`${name}.anchors`) as Buffer);
      const at = randomInt(list.length);
      list[at] = (list[at] as number) ^ (1 << randomInt(8));
      assert.notEqual(await agree(new Map([[`${name}.anchors`, list]]), `${name}, byte ${at} of its list`), null);
    }
    // A list of another segment, which is genuine.
    assert.notEqual(
      await agree(new Map([[`${damaged[0]}.anchors`, files.get(`${damaged[1]}.anchors`) as Buffer]]), "another segment's list"),
      null,
    );
  },
);
