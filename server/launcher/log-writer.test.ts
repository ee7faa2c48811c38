import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { LogWriter, prettyLine, type LoggingConfig } from "./log-writer.ts";

function config(t: TestContext, more: Partial<LoggingConfig> = {}): LoggingConfig {
  const folder = mkdtempSync(join(tmpdir(), "keystead-logs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return {
    level: "info",
    format: "json",
    output: "file",
    filePath: join(folder, "deep/hsm.log"),
    maxFileSizeBytes: 1_000_000,
    maxBackupFiles: 3,
    version: "1.2.3",
    ...more,
  };
}

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : []);

test("every line is in the file, in order, once flush has ended", async (t) => {
  const settings = config(t);
  const log = new LogWriter(settings);
  const lines = Array.from({ length: 5000 }, (_, index) => JSON.stringify({ message: "x".repeat(index % 300), index }));
  for (const line of lines) log.write(line);
  await log.flush();
  assert.deepEqual(linesOf(settings.filePath), lines);
  assert.equal(statSync(settings.filePath).mode & 0o007, 0);
});

test("what the launcher says itself has the version, and is left out below the level", async (t) => {
  const settings = config(t, { level: "warn" });
  const log = new LogWriter(settings);
  for (const level of ["trace", "debug", "info", "warn", "error"]) log.say("launcher", level, `about ${level}`, { code: 1 });
  await log.flush();
  const records = linesOf(settings.filePath).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    records.map(({ time: _time, ...record }) => record),
    ["warn", "error"].map((level) => ({ level, version: "1.2.3", part: "launcher", message: `about ${level}`, code: 1 })),
  );
});

test("files rotate at their size, the newest backup is .1, the oldest goes, and no line that is kept is lost or doubled", async (t) => {
  const settings = config(t, { maxFileSizeBytes: 1000, maxBackupFiles: 3 });
  const log = new LogWriter(settings);
  const lines = Array.from({ length: 100 }, (_, index) => `{"n":${String(index).padStart(4, "0")},"text":"${"x".repeat(79)}"}`);
  for (const line of lines) log.write(line);
  await log.flush();
  assert.deepEqual(readdirSync(join(settings.filePath, "..")).sort(), ["hsm.log", "hsm.log.1", "hsm.log.2", "hsm.log.3"]);
  const kept = [".3", ".2", ".1", ""].flatMap((suffix) => linesOf(`${settings.filePath}${suffix}`));
  assert.deepEqual(kept, lines.slice(-kept.length));
  for (const suffix of [".3", ".2", ".1", ""]) assert.ok(statSync(`${settings.filePath}${suffix}`).size <= 1000, suffix);
  assert.ok(kept.length > 30);
});

test("without backups the file starts anew; a file that was there counts", async (t) => {
  const settings = config(t, { maxFileSizeBytes: 100, maxBackupFiles: 0 });
  for (const line of ["a".repeat(60), "b".repeat(60), "c".repeat(30)]) {
    const log = new LogWriter(settings);
    log.write(line);
    await log.flush();
  }
  assert.deepEqual(linesOf(settings.filePath), ["b".repeat(60), "c".repeat(30)]);
  assert.deepEqual(readdirSync(join(settings.filePath, "..")), ["hsm.log"]);
});

test("a line larger than a file stands alone in one", async (t) => {
  const settings = config(t, { maxFileSizeBytes: 50, maxBackupFiles: 2 });
  const log = new LogWriter(settings);
  for (const line of ["small", "x".repeat(200), "last"]) log.write(line);
  await log.flush();
  assert.deepEqual(
    ["", ".1", ".2"].map((suffix) => linesOf(`${settings.filePath}${suffix}`)),
    [["last"], ["x".repeat(200)], ["small"]],
  );
});

test("a pretty line shows time, level, part, message and the other fields, and no version", () => {
  const line = JSON.stringify({
    time: "2026-01-02T03:04:05.678Z",
    level: "warn",
    version: "0.1.0",
    part: "vault",
    message: "hello",
    count: 3,
    name: "a b",
  });
  assert.equal(prettyLine(line, false), '03:04:05.678 WARN  vault    hello count=3 name="a b"');
  assert.equal(prettyLine(line, true).includes("\u001b[33mWARN \u001b[0m"), true);
});

test("what is no record is shown as it came, never an exception", () => {
  for (const line of ["", "plain text", "{", "null", "7", "true", '"text"', "[1]"]) assert.equal(prettyLine(line, false), line);
});

test("a pretty line is one line without control characters, whatever the message holds", () => {
  const shown = prettyLine(
    JSON.stringify({ time: "t", level: "info", part: "va\nult", message: "a\nb\u001b[2Jc\r\u009b", field: "\n\u001b" }),
    false,
  );
  // oxlint-disable-next-line no-control-regex
  assert.equal(/[\u0000-\u001f\u007f-\u009f]/.test(shown), false, JSON.stringify(shown));
});
