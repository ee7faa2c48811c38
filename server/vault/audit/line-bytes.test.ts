import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFile } from "./file-layer.ts";
import { lineBytes } from "./line-bytes.ts";

/** A file of so many bytes, each as the position says. */
const fileOf = (bytes: number, at: (position: number, target: Buffer) => void): { file: LogFile; largest: () => number } => {
  let largest = 0;
  const read = (target: Buffer, position: number): number => {
    largest = Math.max(largest, target.buffer.byteLength);
    const part = target.subarray(0, Math.max(0, Math.min(target.length, bytes - position)));
    part.fill(0);
    at(position, part);
    return part.length;
  };
  return { file: { read } as LogFile, largest: () => largest };
};
const put =
  (text: string, where: number) =>
  (position: number, target: Buffer): void => {
    for (let at = 0; at < text.length; at += 1)
      if (where + at >= position && where + at < position + target.length) target[where + at - position] = text.charCodeAt(at);
  };
const linesOf = (file: LogFile) =>
  [...lineBytes(file)].map(({ bytes, cutOff }) => ({ text: bytes.subarray(-6).toString("latin1"), length: bytes.length, cutOff }));

test("zeros behind the last line are no line, however many, and take no memory; what stands behind them is looked at with them", () => {
  const MANY = 300 * 1024 * 1024;
  const quiet = fileOf(MANY, put("first\n", 0));
  assert.deepEqual(linesOf(quiet.file), [{ text: "first\n", length: 6, cutOff: false }]);
  assert.ok(quiet.largest() < 8 * 1024 * 1024);
  for (const [tail, cutOff] of [
    ["later\n", false],
    ["later", true],
  ] as const) {
    const { file } = fileOf(MANY, (position, target) => {
      put("first\n", 0)(position, target);
      put(tail, MANY - tail.length)(position, target);
    });
    const [, line, ...more] = linesOf(file);
    assert.deepEqual([line?.cutOff, more.length], [cutOff, 0]);
    assert.ok((line?.length ?? 0) > tail.length, "the zeros before it are part of it");
  }
});

test("what is longer than any line is one that is wrong, and no more is read", () => {
  const { file, largest } = fileOf(2 ** 40, (_, target) => void target.fill("x"));
  const lines = linesOf(file);
  assert.deepEqual([lines.length, lines[0]?.cutOff], [1, false]);
  assert.ok(largest() < 80 * 1024 * 1024);
});
