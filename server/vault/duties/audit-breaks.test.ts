/** Damage of the log that others can agree to do without: remembered, named, asked about, and set aside or not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { acknowledgeAuditBreak } from "@keystead/contract/operations/acknowledge-audit-break";
import { sign } from "@keystead/contract/operations/sign";
import { ARCHIVE, PATH, opener, written } from "../audit/testing/aged-log.ts";
import type { CrashingDisk } from "../audit/crashing-files.ts";
import { listSegments } from "../audit/segments.ts";
import type { SegmentBreak } from "../audit/verify.ts";
import type { ApprovalDemand, Asked } from "../gate.ts";
import { AuditBreaks } from "./audit-breaks.ts";

/** A log of which the second segment is damaged, and what looks after that. */
async function damaged(): Promise<{ disk: CrashingDisk; breaks: AuditBreaks; segment: SegmentBreak; done: number[] }> {
  const { disk } = await written(opener(2500));
  const [, second, third] = listSegments(disk.files, PATH);
  const segment = {
    path: second?.path ?? "",
    first: second?.firstSequence ?? 0,
    last: (third?.firstSequence ?? 0) - 1,
    hash: "a".repeat(64),
    sequence: (second?.firstSequence ?? 0) + 1,
    reason: "the MAC is wrong",
  };
  const done: number[] = [];
  const breaks = new AuditBreaks({
    files: disk.files,
    path: PATH,
    archiveFolder: ARCHIVE,
    approvals: 2,
    acknowledged: (segments) => void done.push(segments),
  });
  return { disk, breaks, segment, done };
}

const marked = (disk: CrashingDisk): number => listSegments(disk.files, PATH).filter(({ gone }) => gone === "damaged").length;

test("that damage was found is remembered over restarts and power cuts, until everything was looked at", async () => {
  const { disk, breaks } = await damaged();
  assert.equal(breaks.remembered, false);
  breaks.remember();
  breaks.remember();
  const later = new AuditBreaks({
    files: disk.afterCrash(() => false).files,
    path: PATH,
    archiveFolder: undefined,
    approvals: 2,
    acknowledged: () => assert.fail(),
  });
  assert.equal(later.remembered, true);
  later.forget();
  assert.equal(later.remembered, false);
  later.forget();
});

test("others are asked about exactly what was found, and about nothing else", async () => {
  const { breaks, segment } = await damaged();
  const demands: ApprovalDemand[] = [];
  const ask = (operation: unknown, digest: string): undefined =>
    breaks.gate({
      operation: operation as Asked["operation"],
      request: { digest } as unknown as Asked["request"],
      raise: (demand) => void demands.push(demand),
    });
  ask(acknowledgeAuditBreak, "0".repeat(64));
  assert.deepEqual(demands, [], "while nothing is found the operation refuses by itself");
  const { code, detail } = breaks.waitsFor([segment]);
  assert.equal(code, "INTEGRITY_FAILURE");
  assert.match(detail, /^1 segment\(s\) of the audit log with \d+ events are damaged/);
  ask(sign, "");
  assert.throws(() => ask(acknowledgeAuditBreak, "0".repeat(64)), { code: "OBJECT_CHANGED" });
  assert.deepEqual(demands, []);
  ask(acknowledgeAuditBreak, breaks.found()?.digest ?? "");
  assert.deepEqual(
    demands.map(({ quorum, roles }) => [quorum, roles]),
    [[2, ["Administrator"]]],
  );
});

test("the segments are marked before the event, and not any more when there was none", async () => {
  const { disk, breaks, segment, done } = await damaged();
  breaks.remember();
  breaks.waitsFor([segment]);
  const digest = breaks.found()?.digest ?? "";
  const first = await breaks.acknowledge(digest);
  assert.deepEqual([first.change.writes, marked(disk), first.found.segments.length], [[], 1, 1]);
  // Two at once: the second must not take away the marks of the first.
  await assert.rejects(breaks.acknowledge(digest), { code: "OBJECT_CHANGED" });
  first.change.settle(false);
  assert.deepEqual([marked(disk), done, breaks.remembered], [0, [], true]);

  const second = await breaks.acknowledge(digest);
  second.change.settle(true);
  assert.deepEqual([marked(disk), done, breaks.remembered, breaks.found()], [1, [1], false, undefined]);
  await assert.rejects(breaks.acknowledge(digest), { code: "INVALID_REQUEST" });
});

test("a file that is another one by now, and a digest of something else, are another break", async () => {
  const { disk, breaks, segment } = await damaged();
  await assert.rejects(breaks.acknowledge("0".repeat(64)), { code: "INVALID_REQUEST" });
  breaks.waitsFor([segment]);
  const digest = breaks.found()?.digest ?? "";
  await assert.rejects(breaks.acknowledge("0".repeat(64)), { code: "OBJECT_CHANGED" });
  const file = disk.files.open(segment.path, "append");
  file.write(Buffer.from("X"), 40);
  file.close();
  await assert.rejects(
    breaks.acknowledge(digest),
    (error: HsmError) => error.code === "OBJECT_CHANGED" && /seal and unseal/.test(error.detail),
  );
  assert.equal(marked(disk), 0);
  breaks.drop();
  assert.equal(breaks.found(), undefined);
});

test("after a crash between marks and event the damage is still remembered, and the marks speak for themselves", async () => {
  const { disk, breaks, segment } = await damaged();
  breaks.remember();
  breaks.waitsFor([segment]);
  await breaks.acknowledge(breaks.found()?.digest ?? "");
  const after = disk.afterCrash(() => false);
  assert.equal(marked(after), 1);
  const again = new AuditBreaks({ files: after.files, path: PATH, archiveFolder: ARCHIVE, approvals: 2, acknowledged: () => undefined });
  assert.equal(again.remembered, true);
  again.waitsFor([segment]);
  const { change } = await again.acknowledge(again.found()?.digest ?? "");
  change.settle(true);
  assert.deepEqual([marked(after), again.remembered], [1, false]);
});
