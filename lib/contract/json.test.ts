import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "./errors.ts";
import { MAX_JSON_DEPTH, parseStrictJson } from "./json.ts";

const parse = (text: string): unknown => parseStrictJson(Buffer.from(text, "utf8"));
const refused = (text: string, why: RegExp): void => {
  assert.throws(
    () => parse(text),
    (error: unknown) => error instanceof HsmError && error.code === "INVALID_REQUEST" && why.test(error.detail),
    text,
  );
};

test("what JSON.stringify writes is read back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), (value) => {
      // Integers beyond 2^53 are refused on purpose and have tests of their own.
      const text = JSON.stringify(value, (_name, member: unknown) =>
        typeof member === "number" && Number.isInteger(member) && !Number.isSafeInteger(member) ? 0 : member,
      );
      if (!text.isWellFormed() || /\\ud[89a-f]/i.test(text)) return;
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

test("a member name that comes twice is refused wherever it stands", () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":2}}',
    '[{"a":1},{"b":{"c":1,"c":2}}]',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"1":0,"1":1}',
    '{"a\\"b":1,"a\\"b":2}',
  ])
    refused(text, /twice/);
});

test("a colon inside a string is no member", () => {
  assert.deepEqual(parse('{"a:b":"c:d\\":\\\\","e":":"}'), { "a:b": 'c:d":\\', e: ":" });
});

test("a name may come again in another object", () => {
  assert.deepEqual(parse('[{"a":1},{"a":1}]'), [{ a: 1 }, { a: 1 }]);
});

test("duplicates are found in any generated document", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (name, one, other) => {
      const text = `{${JSON.stringify(name)}:${JSON.stringify(one)},${JSON.stringify(name)}:${JSON.stringify(other)}}`;
      assert.throws(() => parse(text), HsmError);
    }),
    { numRuns: 200 },
  );
});

test("integers that a double cannot hold are refused as numbers", () => {
  assert.equal(parse("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assert.equal(parse("-9007199254740991"), Number.MIN_SAFE_INTEGER);
  assert.equal(parse('"9007199254740993"'), "9007199254740993");
  for (const text of [
    "9007199254740992",
    "-9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    '{"a":[18446744073709551616]}',
    "9007199254740993.0",
    "9.007199254740993e15",
    "1e300",
    "1e400",
    "-1e999",
  ])
    refused(text, /too large/);
});

test("fractions and small exponents stay numbers", () => {
  for (const text of ["1.5", "-0.25", "1e3", "1.0", "0.1234567890123456789", "1E-7"]) assert.equal(parse(text), JSON.parse(text));
});

test("half a surrogate pair is refused, a whole one is text", () => {
  assert.equal(parse('"\\ud83d\\ude00"'), "😀");
  assert.equal(parse('"\\\\ud83d"'), "\\ud83d");
  for (const text of ['"\\ud83d"', '{"a":"\\uDE00"}', '{"\\ud800":1}', '["x","\\ud83dx"]', '"\\ude00\\ud83d"']) refused(text, /surrogate/);
});

test("bytes that are not UTF-8 are refused", () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xe2, 0x82],
  ])
    assert.throws(() => parseStrictJson(Uint8Array.from(bytes)), /UTF-8/);
});

test("a byte order mark is refused", () => {
  assert.throws(() => parseStrictJson(Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])), HsmError);
});

test("nesting ends at the documented depth", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  parse(nested(MAX_JSON_DEPTH));
  refused(nested(MAX_JSON_DEPTH + 1), /nested/);
  refused('{"a":'.repeat(MAX_JSON_DEPTH + 1) + "1" + "}".repeat(MAX_JSON_DEPTH + 1), /nested/);
  refused(nested(400_000), /nested|syntax/);
});

test("what is no JSON is refused without repeating it", () => {
  for (const text of [
    "",
    " ",
    "{",
    "{}x",
    "{} {}",
    "{'a':1}",
    "{a:1}",
    "[1,]",
    '{"a":1,}',
    "NaN",
    "undefined",
    "01",
    "+1",
    "1.",
    ".5",
    '"\n"',
    "// c\n{}",
    "nul",
    '"secret',
  ]) {
    assert.throws(
      () => parse(text),
      (error: unknown) => error instanceof HsmError && !error.detail.includes("secret"),
      JSON.stringify(text),
    );
  }
});
