/** Messages that come before the vault can take them. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { earlyMessages } from "./early-messages.ts";

test("what is said before somebody takes it is handed over in its order, and so is what comes after", () => {
  const source = new EventEmitter();
  const takeFrom = earlyMessages(source);
  const taken: unknown[] = [];
  source.emit("message", { kind: "join", part: "connector deliver" }, "pipe 1");
  source.emit("message", { kind: "join" }, "pipe 2");
  takeFrom(({ part = "gateway" }, handle) => void taken.push([part, handle]));
  assert.deepEqual(taken, [
    ["connector deliver", "pipe 1"],
    ["gateway", "pipe 2"],
  ]);
  source.emit("message", { kind: "join", part: "scripts" }, "pipe 3");
  assert.deepEqual(taken[2], ["scripts", "pipe 3"]);
  assert.equal(taken.length, 3);
});
