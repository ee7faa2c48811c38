/** A sink that is behind what the log still has: what is gone is said and counted, and what is there arrives. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_FILTER } from "@keystead/contract/event-filter";
import { createLogger } from "@keystead/contract/logging";
import { firstKept } from "../audit/segments.ts";
import type { Follower } from "../audit/follow.ts";
import { purgeSegments } from "../audit/purge.ts";
import { ARCHIVE, KEY, PATH, archive, event, keeping, opener, written } from "../audit/testing/aged-log.ts";
import type { Openable } from "./delivery-line.ts";
import { Feeder } from "./feeder.ts";
import { StandingFiles } from "./standing.ts";
import { USUAL_RETRY, type StoredSink } from "./stored-sink.ts";

const open = opener(1500);

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const stored = (namespace: string): StoredSink => ({
  name: "s",
  namespace,
  enabled: true,
  target: {},
  filter: { ...NO_FILTER, minSeverity: "debug" },
  retry: { ...USUAL_RETRY, delayMs: 1 },
  revision: 1,
  after: 0,
  createdBy: "cert:admin",
  createdAt: 0,
});

/** The log whose first days are in the archive, and a sink that has nothing of it yet. */
async function behind(t: TestContext, { namespace = "", withArchive = true, without = (sequence: number): boolean => sequence < 1 } = {}) {
  const { disk, store } = await written(open);
  const moving = open(disk, store);
  assert.ok((await archive(disk, moving.log, 20)) >= 3);
  await moving.log.close();
  const { log, files } = open(disk, store, withArchive ? ARCHIVE : "/nowhere");
  const got: number[] = [];
  const damage: string[] = [];
  const standings = new StandingFiles({ files: disk.files, folder: "/data", macKey: KEY });
  const feeder = new Feeder({
    id: "sink-1",
    stored: stored(namespace),
    file: standings.open("sink-1", "0 0"),
    follow(after) {
      const follower = log.follow(after);
      const next: Follower["next"] = async (asked) => {
        for (;;) {
          const lines = await follower.next(asked);
          const left = lines?.filter(({ sequence }) => !without(sequence));
          if (lines === undefined || lines.length === 0 || left === undefined || left.length > 0) return left;
        }
      };
      return { after, upTo: follower.upTo, next, cancel: () => follower.cancel() };
    },
    end: () => log.sequence,
    firstKept: (from) => firstKept(files, PATH, from),
    line: {
      async deliver(_sink: Openable, lines) {
        got.push(...lines.map((line) => (JSON.parse(line) as { event: { sequence: number } }).event.sequence));
        return { delivered: lines.length };
      },
    },
    openable: () => ({}) as Openable,
    onDamage: (error) => damage.push(error.detail),
    log: createLogger({ part: "vault", version: "0", level: "error", write: () => undefined }),
    now: () => 1,
    random: () => 0,
    breakMs: 2,
  });
  t.after(() => feeder.stop());
  const purge = async (): Promise<number> => {
    assert.ok((await purgeSegments(keeping(disk, log, 12))) >= 1);
    return firstKept(files, PATH, 1);
  };
  return { disk, log, feeder, got, damage, purge };
}

test("what was deleted before it was delivered is recorded, counted and passed over, and everything after it arrives in order", async (t) => {
  const { log, feeder, got, purge } = await behind(t);
  const first = await purge();
  assert.ok(first > 1);
  feeder.start();
  await until("the end of the log", () => feeder.state.behind === 0);
  assert.deepEqual(
    got,
    Array.from({ length: log.sequence - first + 1 }, (_, index) => first + index),
  );
  const { state, standing, missedNow } = feeder.state;
  assert.deepEqual([state, standing.missed, missedNow], ["delivering", first - 1, first - 1]);
  const gap = standing.deliveries.at(-1);
  assert.deepEqual([gap?.outcome, gap?.first, gap?.last, gap?.delivered], ["missed", 1, first - 1, 0]);
  await log.append(event("new", 41));
  await until("what is new", () => got.at(-1) === log.sequence);
});

test("a sink of a namespace ends where it missed events: its namespace's end may be among them", async (t) => {
  const { feeder, got, purge } = await behind(t, { namespace: "default" });
  await purge();
  feeder.start();
  await until("its end", () => feeder.state.state === "ended");
  assert.deepEqual(got, []);
  assert.ok((feeder.state.standing.missed ?? 0) > 0);
});

test("a piece of the log that others go around is a gap too", async (t) => {
  const { log, feeder, got } = await behind(t, { without: (sequence) => sequence <= 5 });
  feeder.start();
  await until("the end of the log", () => feeder.state.behind === 0);
  assert.deepEqual([got[0], got.length, feeder.state.standing.missed], [6, log.sequence - 5, 5]);
});

test("a line that does not verify ends the feeding, and the vault is told, and whoever looks at alerts", async (t) => {
  const { disk, feeder, got, damage } = await behind(t);
  const [path = "", content] =
    [...disk.contents].findLast(([name, { now }]) => /\.\d{16}$/.test(name) && now.includes('"request":"r30"')) ?? [];
  assert.ok(content !== undefined, path);
  content.now[content.now.indexOf('"request":"r30"') + 11] = 0x78;
  feeder.start();
  await until("the end", () => damage.length > 0);
  assert.match(damage[0] ?? "", /event \d+: the line does not verify/);
  assert.deepEqual([feeder.state.state, feeder.state.leftAlone], ["waiting", true]);
  assert.ok(got.length < 31);
});

test("while the archive is away a sink that needs it waits, misses nothing, and goes on when it is back", async (t) => {
  const { disk, log, feeder, got } = await behind(t, { withArchive: false });
  feeder.start();
  await until("several attempts", () => feeder.state.leftAlone);
  assert.match(feeder.state.lastError, /in the archive, which is not here/);
  assert.deepEqual([feeder.state.state, feeder.state.standing.missed, got], ["waiting", undefined, []]);
  for (const [path, content] of disk.contents)
    if (path.startsWith(`${ARCHIVE}/`)) disk.contents.set(path.replace(ARCHIVE, "/nowhere"), content);
  await until("everything", () => got.length === log.sequence);
  assert.deepEqual([feeder.state.state, feeder.state.lastError, feeder.state.leftAlone], ["delivering", "", false]);
});
