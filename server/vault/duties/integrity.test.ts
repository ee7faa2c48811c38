import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { LogBreak } from "../audit/log-break.ts";
import { BREAK_STEPS, DAMAGE_STEPS, Integrity } from "./integrity.ts";

function watched() {
  const seen = { counted: 0, remembered: 0, stops: [] as string[], told: [] as (readonly [string, Record<string, unknown>])[] };
  const integrity = new Integrity({
    log: { error: (message, fields) => void seen.told.push([message, { ...fields }]) },
    count: () => (seen.counted += 1),
    stop: ({ code, detail }) => void seen.stops.push(`${code} ${detail}`),
    remember: () => (seen.remembered += 1),
  });
  const known = () => [integrity.state, integrity.firstBadSequence, integrity.steps.length];
  return { seen, integrity, known };
}

test("while nothing is found, it says how far the verification is, and nothing stops", () => {
  const { seen, integrity, known } = watched();
  assert.deepEqual(known(), ["not verified yet", 0, 0]);
  integrity.begin();
  integrity.progress("verifying: 500 of 900 events");
  assert.deepEqual(known(), ["verifying: 500 of 900 events", 0, 0]);
  integrity.ended([], undefined);
  assert.deepEqual(known(), ["verified", 0, 0]);
  assert.deepEqual(seen, { counted: 0, remembered: 0, stops: [], told: [] });
});

test("each finding is counted and told, and the vault stops for the first of them, with what to do about it", () => {
  const { seen, integrity, known } = watched();
  integrity.ended(["audit log: event 7: the line does not verify", "record a/key/k/0 is missing"], 7);
  assert.deepEqual(known(), ["broken: audit log: event 7: the line does not verify", 7, DAMAGE_STEPS.length]);
  assert.equal(seen.counted, 2);
  assert.deepEqual(seen.stops, ["INTEGRITY_FAILURE audit log: event 7: the line does not verify"]);
  assert.deepEqual(seen.told, [
    ["integrity violation", { problem: "audit log: event 7: the line does not verify" }],
    ["integrity violation", { problem: "record a/key/k/0 is missing" }],
    ["the vault does nothing from now on", { firstBadSequence: 7, steps: DAMAGE_STEPS.join(" ") }],
  ]);
});

test("what was found is not talked over by a verification that ends well, and ends when the vault could be opened again", () => {
  const { integrity, known } = watched();
  integrity.damaged(new HsmError("INTEGRITY_FAILURE", "the retention ledger does not verify at line 3"));
  integrity.progress("verifying: 1 of 2 events");
  integrity.ended([], undefined);
  assert.deepEqual(known(), ["broken: the retention ledger does not verify at line 3", 0, DAMAGE_STEPS.length]);
  integrity.begin();
  assert.deepEqual(known(), ["verifying", 0, 0]);
});

test("what others can agree to do without is told with the way there, stops nothing, and is gone when they did", () => {
  const { seen, integrity, known } = watched();
  integrity.begin();
  integrity.waits(["audit log: event 7: the MAC is wrong"], 7);
  assert.deepEqual(known(), ["broken: audit log: event 7: the MAC is wrong", 7, BREAK_STEPS.length]);
  assert.deepEqual([seen.counted, seen.remembered, seen.stops], [1, 1, []]);
  assert.deepEqual(seen.told.at(-1), ["the vault waits for administrators", { firstBadSequence: 7, steps: BREAK_STEPS.join(" ") }]);
  integrity.acknowledged(1);
  assert.deepEqual(known().slice(1), [0, 0]);
  assert.match(integrity.state, /^verified, but for 1 damaged/);
  integrity.begin();
  integrity.ended([], undefined, 2);
  assert.match(integrity.state, /^verified, but for 2 damaged/);
  // Worse is found afterwards.
  integrity.damaged(new LogBreak(4, "missing"));
  assert.deepEqual([integrity.steps, seen.stops.length], [DAMAGE_STEPS, 1]);
});

test("of several breaks the lowest sequence number is said", () => {
  const { integrity, known } = watched();
  integrity.damaged(new LogBreak(9, "missing"));
  integrity.damaged(new LogBreak(12, "missing"));
  assert.deepEqual(known(), ["broken: audit log: event 9: missing", 9, DAMAGE_STEPS.length]);
  integrity.damaged(new LogBreak(4, "the line does not verify"));
  assert.equal(integrity.firstBadSequence, 4);
});

test("what is thrown is passed on, and only damage stops", () => {
  const { seen, integrity, known } = watched();
  const wrong = new HsmError("UNAUTHENTICATED", "the vault cannot be opened with this secret");
  assert.equal(integrity.met(wrong), wrong);
  assert.equal(integrity.met(new TypeError("boom")).code, "INTERNAL");
  assert.deepEqual([known(), seen.counted], [["not verified yet", 0, 0], 0]);
  const broken = new LogBreak(2, "missing");
  assert.equal(integrity.met(broken), broken);
  assert.deepEqual([known(), seen.counted, seen.stops.length], [["broken: audit log: event 2: missing", 2, DAMAGE_STEPS.length], 1, 1]);
});
