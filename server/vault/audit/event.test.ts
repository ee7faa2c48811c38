import assert from "node:assert/strict";
import { createHash, createHmac, createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ERROR_CODES } from "@keystead/contract/errors";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import { GENESIS, canonicalEvent, macMatches, parseLine, sealEvent, type EventFields } from "./event.ts";

const HOSTILE = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    "\u0000",
    "\n",
    '"',
    "\\",
    '","mac":"',
    "\u2028",
    "\u007f",
    "\ud800",
    "\udfff\ud800",
    "a\ud83d",
    "</script>",
    "\ufeff",
    "\u00e9",
    "💥",
    "__proto__",
    '{"event":',
  ),
);
const HEX = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const SCRIPTS = fc.array(fc.record({ fuel: fc.nat(), name: HOSTILE, verdict: HOSTILE, version: fc.nat(0xffffffff) }), { maxLength: 2 });
const STANDING = fc.record({ state: HOSTILE, version: fc.nat(0xffffffff) });
const FIELDS: fc.Arbitrary<EventFields> = fc.record(
  {
    action: HOSTILE,
    address: HOSTILE,
    authentication: HOSTILE,
    decision: fc.constantFrom("allow" as const, "refuse" as const, "pending" as const),
    key: HOSTILE,
    namespace: HOSTILE,
    outcome: fc.constantFrom("OK", ...ERROR_CODES),
    payload: fc.oneof(HEX, fc.constant("")),
    principal: HOSTILE,
    request: HOSTILE,
    time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z") }).map((date) => date.toISOString()),
    version: fc.nat(0xffffffff),
    other: HOSTILE,
    scripts: SCRIPTS,
    trace: HEX.map((digits) => digits.slice(32)),
    demands: fc.array(HOSTILE, { maxLength: 3 }),
    sessionKey: fc.constant(true),
    state: HOSTILE,
    moved: fc.record({ from: STANDING, to: STANDING }),
    approval: fc.record({ digest: HEX, id: HOSTILE, key: HOSTILE, signature: HOSTILE }, { requiredKeys: ["id"] }),
    items: fc.array(
      fc.record(
        {
          action: HOSTILE,
          demands: fc.array(HOSTILE, { maxLength: 2 }),
          key: HOSTILE,
          other: HOSTILE,
          outcome: fc.constantFrom("OK", ...ERROR_CODES),
          payload: HEX,
          scripts: SCRIPTS,
          sessionKey: fc.constant(true),
          state: HOSTILE,
        },
        { requiredKeys: ["action", "key", "outcome", "payload"] },
      ),
      { maxLength: 3 },
    ),
    records: fc.array(fc.record({ digest: fc.oneof(HEX, fc.constant("")), name: HOSTILE }), { maxLength: 3 }),
  },
  {
    requiredKeys: [
      "action",
      "authentication",
      "decision",
      "key",
      "namespace",
      "outcome",
      "payload",
      "principal",
      "request",
      "time",
      "version",
    ],
  },
);

const wellFormed = (value: unknown): Json =>
  JSON.parse(JSON.stringify(value, (_name, item: unknown) => (typeof item === "string" ? item.toWellFormed() : item))) as Json;
const KEY = createSecretKey(randomBytes(32));

test("an event's text is RFC 8785's, for any strings", () => {
  fc.assert(
    fc.property(FIELDS, HEX, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (fields, previous, sequence) => {
      assert.equal(canonicalEvent(fields, previous, sequence, 7), canonicalJson(wellFormed({ ...fields, batch: 7, previous, sequence })));
    }),
    { numRuns: 2000 },
  );
});

test("a sealed line is one line, reads back as its event, and its hash and MAC are those of its bytes", () => {
  fc.assert(
    fc.property(FIELDS, HEX, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (fields, previous, sequence) => {
      const { line, hash } = sealEvent(fields, previous, sequence, sequence, new PreparedHmac(KEY));
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.equal(line.includes("\u0000"), false);
      const parsed = parseLine(line.slice(0, -1));
      assert.ok(parsed !== undefined);
      assert.deepEqual(wellFormed(parsed.event), wellFormed({ ...fields, batch: sequence, previous, sequence }));
      const bytes = Buffer.from(parsed.canonical, "utf8");
      const digest = createHash("sha256").update(bytes).digest();
      assert.equal(hash, digest.toString("hex"));
      assert.equal(parsed.hash, hash);
      assert.equal(parsed.mac, createHmac("sha256", KEY).update(digest).digest("hex"));
      assert.equal(macMatches(parsed, KEY), true);
      assert.equal(macMatches(parsed, createSecretKey(randomBytes(32))), false);
    }),
    { numRuns: 500 },
  );
});

const EVENT: EventFields = {
  action: "Sign",
  authentication: "token",
  decision: "allow",
  key: "k1",
  namespace: "default",
  outcome: "OK",
  payload: "",
  principal: "jwt:i:s",
  request: "r",
  time: "2026-01-01T00:00:00.000Z",
  version: 1,
};

test("no changed character of a line still matches its MAC", () => {
  const line = sealEvent(EVENT, GENESIS, 1, 1, new PreparedHmac(KEY)).line.slice(0, -1);
  for (let at = 0; at < line.length; at++) {
    for (const other of [String.fromCharCode(line.charCodeAt(at) ^ 1), String.fromCharCode(line.charCodeAt(at) ^ 0x20), ""]) {
      const parsed = parseLine(line.slice(0, at) + other + line.slice(at + 1));
      if (parsed === undefined) continue;
      assert.equal(macMatches(parsed, KEY), false, `character ${at} as ${JSON.stringify(other)}`);
    }
  }
});

test("what is no line of ours is undefined, never an error", () => {
  const good = sealEvent(EVENT, GENESIS, 1, 1, new PreparedHmac(KEY)).line.slice(0, -1);
  for (let cut = 0; cut < good.length; cut++) assert.equal(parseLine(good.slice(0, cut)), undefined);
  const mac = "0".repeat(64);
  for (const wrong of [
    "",
    "{}",
    "null",
    `{"event":null,"mac":"${mac}"}`,
    `{"event":{},"mac":"${mac}"}`,
    `{"event":[],"mac":"${mac}"}`,
    `{"event":{"previous":"","sequence":1.5},"mac":"${mac}"}`,
    `{"event":{"previous":"","sequence":9007199254740992},"mac":"${mac}"}`,
    good.replace(/[0-9a-f]"}$/, 'G"}'),
    good.toUpperCase(),
  ]) {
    assert.equal(parseLine(wrong), undefined, wrong);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseLine(text);
      parseLine(`{"event":${text},"mac":"${mac}"}`);
    }),
  );
});
