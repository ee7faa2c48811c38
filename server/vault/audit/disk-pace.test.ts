import assert from "node:assert/strict";
import { test } from "node:test";
import { DiskPace } from "./disk-pace.ts";

test("a quick disk is written on the event loop, whatever the number of writes", () => {
  const pace = new DiskPace();
  for (let write = 0; write < 10_000; write += 1) {
    assert.equal(pace.inline(4096), true);
    pace.wrote(write % 200 === 0 ? 1.5 : 0.2);
  }
});

test("one long write sends the next ones to the pool, and the loop tries again later", () => {
  const pace = new DiskPace();
  assert.equal(pace.inline(1), true);
  pace.wrote(40);
  let inPool = 0;
  while (!pace.inline(1)) inPool += 1;
  assert.equal(inPool, 1024);
  pace.wrote(2);
  assert.equal(pace.inline(1), false, "still slow: back at once");
});

test("many slightly slow writes are a slow disk", () => {
  const pace = new DiskPace();
  let writes = 0;
  for (; pace.inline(1); writes += 1) pace.wrote(writes % 10 === 0 ? 1.2 : 0.2);
  assert.ok(writes < 50, `noticed after ${writes}`);
});

test("a large write never runs on the event loop", () => {
  assert.equal(new DiskPace().inline(1024 * 1024), false);
});

test("a write that nothing else waits for stays on the event loop until the disk is very slow", () => {
  const pace = new DiskPace();
  for (let write = 0; write < 100; write += 1) {
    assert.equal(pace.inline(4096, true), true);
    pace.wrote(3);
  }
  assert.equal(pace.inline(4096), false, "with company it is the pool's");
  pace.wrote(20);
  let inPool = 0;
  while (!pace.inline(4096, true)) inPool += 1;
  assert.equal(inPool, 1024);
});
