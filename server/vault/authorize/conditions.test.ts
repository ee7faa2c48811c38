import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { ConditionMistake } from "./condition-types.ts";
import { compileCondition, type Situation } from "./conditions.ts";
import { localTime } from "./local-time.ts";

const NOW = Date.parse("2026-03-29T00:30:00Z"); // Sunday, half an hour before Berlin's clocks go forward
const situation = (more: Partial<Situation> = {}): Situation => ({
  time: NOW,
  address: "10.1.2.3",
  operation: "Sign",
  namespace: "payments",
  keyId: "release",
  algorithm: "RSA-2048",
  tags: ["cards", "eu"],
  principal: "user:alice",
  method: "token",
  secondFactorAt: NOW - 90_000,
  ...more,
});

const HOLDS: readonly (readonly [text: string, holds: boolean | "error", more?: Partial<Situation>])[] = [
  ["true", true],
  ["false", false],
  ['request.operation == "Sign" && request.namespace == "payments"', true],
  ['in_range(request.address, "10.0.0.0/8")', true],
  ['in_range(request.address, "10.0.0.0/8")', true, { address: "::ffff:10.9.9.9" }],
  ['in_range(request.address, "10.0.0.0/8")', false, { address: "11.0.0.0" }],
  ['in_range(request.address, "10.0.0.0/8")', false, { address: "" }],
  ['in_range(request.address, "10.0.0.0/8")', false, { address: "10.0.0.1:443" }],
  ['in_range(request.address, "2001:db8::/32")', true, { address: "2001:db8::1" }],
  ['"cards" in key.tags', true],
  ['key.tags.exists(tag, tag.startsWith("ca"))', true],
  ['key.tags.all(tag, tag != "eu")', false],
  ['key.tags.exists_one(tag, tag == "eu")', true],
  ["size(key.tags) == 2 && key.tags.size() == 2", true],
  ['key.algorithm == "RSA-2048" && key.family == "rsa"', true],
  ['key.family == ""', true, { algorithm: "" }],
  ['key.id in ["release", "other"]', true],
  ['principal.id.endsWith(":alice") && principal.method == "token"', true],
  ["principal.mfa_age < 120", true],
  ["principal.mfa_age <= 89", false],
  ["principal.mfa_age < 300", false, { secondFactorAt: undefined }],
  ["principal.mfa_age > 300", true, { secondFactorAt: undefined }],
  ["principal.mfa_age == 0", true, { secondFactorAt: NOW + 5000 }],
  ['request.time < timestamp("2026-03-29T00:30:01Z")', true],
  ['request.time + duration("1h") > timestamp("2026-03-29T01:29:59Z")', true],
  ["request.time.getHours() == 0 && request.time.getDayOfWeek() == 0", true],
  ['request.time.getHours("Europe/Berlin") == 1', true],
  ['request.time.getHours("Europe/Berlin") == 3', true, { time: NOW + 1_800_000 }],
  ['request.time.getDayOfWeek("America/New_York") == 6', true],
  ['request.time.getMinutes("Asia/Kathmandu") == 15', true],
  [
    "request.time.getFullYear() == 2026 && request.time.getMonth() == 2 && request.time.getDate() == 29 && request.time.getDayOfMonth() == 28",
    true,
  ],
  ["1 / (principal.mfa_age - principal.mfa_age) == 1", "error"],
  ["9223372036854775807 + principal.mfa_age > 0", "error"],
  ['1 / 0 == 1 || request.operation == "Sign"', true],
  ['1 / 0 == 1 && request.operation == "Verify"', false],
  ["principal.mfa_age < 120 ? true : false", true],
];
for (const [text, holds, more] of HOLDS)
  test(`${text} ${holds === "error" ? "cannot be evaluated" : holds ? "holds" : "does not hold"}${more === undefined ? "" : ` with ${JSON.stringify(more)}`}`, () =>
    assert.equal(compileCondition(text).holds(situation(more)), holds));

const MISTAKES: readonly (readonly [text: string, told: RegExp])[] = [
  ["", /cannot be read/],
  ["true &&", /cannot be read/],
  ["1", /true or false, not int/],
  ["nobody", /no variable nobody/],
  ["request.header", /no variable request\.header/],
  ["request", /no variable request/],
  ["constructor", /no variable constructor/],
  ["key.tags[0] == 'x'", /no function _\[_\]/],
  ["principal.mfa_age < '300'", /does not take int, string/],
  ["principal.mfa_age < 3.5", /only texts, whole numbers/],
  ["principal.id == 5", /does not take string, int/],
  ["in_range(request.address, '10.0.0.0/33')", /takes an address or range/],
  ["in_range(request.address, 'everywhere')", /takes an address or range/],
  ["in_range(request.address, principal.id)", /takes an address or range/],
  ["request.address.in_range('10.0.0.0/8')", /not asked of a value/],
  ["startsWith(key.id, 'x')", /is asked of a value/],
  ["request.time.getHours('Mars/Olympus') == 1", /takes a time zone/],
  ["request.time < timestamp('tomorrow')", /takes a time/],
  ["request.time < timestamp(key.id)", /takes a time/],
  ["request.time - duration('soon') < request.time", /takes a length/],
  ["key.id.matches('(a+)+')", /no function matches/],
  ["has(key.id)", /has\(\) is not known/],
  ["{'a': 1} == {'a': 1}", /maps and messages/],
  ["key.tags.filter(tag, tag == 'x') == ['x']", /at least one|only exists/],
  ["key.tags.map(tag, tag + 'x') == ['x']", /at least one|only exists/],
  ["key.tags.exists(a, key.tags.exists(b, a == b))", /do not stand inside one another/],
  ["key.id in []", /a list holds/],
  ["key.id in ['a', 1]", /a list holds/],
  [`${"(".repeat(25)}true${")".repeat(25)}`, /nested deeper/],
  [`')))))))))))))))))))))))' == '' || ${"(".repeat(40)}true${")".repeat(40)}`, /nested deeper/],
  ["dyn(key.id) == 1", /no function dyn/],
  ["type(key.id) == string", /no function type|no variable string/],
];
for (const [text, told] of MISTAKES)
  test(`${text.slice(0, 60) || "nothing"} is found wrong before it is applied`, () =>
    assert.throws(
      () => compileCondition(text),
      (error) => error instanceof ConditionMistake && told.test(error.message),
    ));

test("what compiles is evaluated to true, false or error, whatever is so", () => {
  const address = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(
      fc.constantFrom(...HOLDS.map(([text]) => text)),
      fc.record({
        address,
        keyId: fc.string(),
        algorithm: fc.string(),
        tags: fc.array(fc.string()),
        time: fc.integer({ min: 0, max: 2 ** 41 }),
      }),
      (text, more) => assert.ok([true, false, "error"].includes(compileCondition(text).holds(situation(more)))),
    ),
    { numRuns: 300 },
  );
});

test("a condition says what it looks at", () => {
  assert.deepEqual([...compileCondition("request.time.getHours() > 8 && 'x' in key.tags").uses], ["request.time", "key.tags"]);
  assert.equal(compileCondition("'x' in key.tags").aboutKey, true);
  assert.equal(compileCondition("request.time.getHours() > 8").aboutKey, false);
});

test("the clock of a zone is Intl's, over every quarter of a year with both changes of the clocks in it", () => {
  for (const zone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]) {
    const format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      hour: "2-digit",
      minute: "2-digit",
      day: "2-digit",
    });
    for (let at = Date.parse("2026-01-01T00:07:00Z"); at < Date.parse("2027-01-01T00:00:00Z"); at += 13 * 3_600_000 + 900_000) {
      const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
      const local = localTime(at, zone);
      assert.deepEqual(
        [local.getUTCDate(), local.getUTCHours(), local.getUTCMinutes()],
        [parts.get("day"), parts.get("hour"), parts.get("minute")],
        zone,
      );
    }
  }
});

test("conditions work in a process that makes no code of strings and reads nothing but its own files", () => {
  const root = join(import.meta.dirname, "../../..");
  const program = `const { compileCondition } = await import("./server/vault/authorize/conditions.ts");
    const c = compileCondition('in_range(request.address, "10.0.0.0/8") && request.time.getHours("Europe/Berlin") == 1');
    process.stdout.write(String(c.holds({ time: ${NOW}, address: "10.0.0.1", operation: "", namespace: "", keyId: "", algorithm: "", tags: [], principal: "", method: "", secondFactorAt: undefined })));`;
  const flags = [
    "--permission",
    `--allow-fs-read=${root}/*`,
    "--disallow-code-generation-from-strings",
    "--disable-proto=throw",
    "--no-addons",
  ];
  assert.equal(
    execFileSync(process.execPath, [...flags, "--input-type=module", "--eval", program], { cwd: root, encoding: "utf8" }),
    "true",
  );
});
