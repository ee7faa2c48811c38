import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson, MAX_DEPTH, type Json } from "./canonical-json.ts";

test("RFC 8785 §3.2.2: the example, without the integer that we refuse", () => {
  const parsed = JSON.parse(String.raw`{ "numbers": [333333333.33333329, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }`) as Json;
  const expected = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`;
  assert.equal(canonicalJson(parsed), expected);
});

test("RFC 8785 §3.2.3: members are sorted by UTF-16 code units", () => {
  const parsed = JSON.parse(String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
    "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`) as Json;
  assert.deepEqual(Object.values(JSON.parse(canonicalJson(parsed)) as object).slice(1), [
    "Carriage Return",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]); // reading back moves the integer-like name "1" to the front, so the text is checked too
  assert.match(canonicalJson(parsed), /^\{"\\r":"Carriage Return","1":"One","\u0080":/);
});

/** RFC 8785 Appendix B, the rows that are not integers beyond 2^53 − 1. */
const NUMBERS: readonly (readonly [bits: string, text: string])[] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

test("RFC 8785 Appendix B: numbers", () => {
  for (const [bits, text] of NUMBERS) assert.equal(canonicalJson(Buffer.from(bits, "hex").readDoubleBE()), text);
});

test("is the same for every order of members, and reads back as the same value", () => {
  const plain = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
  fc.assert(
    fc.property(plain.filter(sayable), (value) => {
      const text = canonicalJson(value);
      assert.deepEqual(JSON.parse(text), value);
      assert.equal(canonicalJson(reversed(value)), text);
    }),
  );
});

/** Without integers that are refused, which JSON.stringify of a double may make. */
function sayable(value: Json): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value === "string") return value.isWellFormed();
  if (value === null || typeof value !== "object") return true;
  return Object.keys(value).every((name) => name.isWellFormed()) && Object.values(value).every((member) => sayable(member as Json));
}

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value as { readonly [name: string]: Json }).reverse();
  return Object.fromEntries(entries.map(([name, member]) => [name, reversed(member)]));
}

const CYCLE: unknown[] = [];
CYCLE.push(CYCLE);
let deep: unknown = 1;
for (let i = 0; i <= MAX_DEPTH; i++) deep = [deep];

const REFUSED: readonly (readonly [what: string, value: unknown])[] = [
  ["undefined", undefined],
  ["an undefined member", { a: undefined }],
  ["a hole", Array(3)],
  ["a function", { a: () => 1 }],
  ["a symbol", Symbol("a")],
  ["a bigint", 1n],
  ["NaN", NaN],
  ["infinity", [-Infinity]],
  ["1E30 of the RFC's own example", 1e30],
  ["2^53", 2 ** 53],
  ["-2^53", -(2 ** 53)],
  ["a lone surrogate", "\ud800"],
  ["a lone surrogate in a name", { "\udead": 1 }],
  ["a Date", new Date(0)],
  ["a Map", new Map()],
  ["a Buffer", Buffer.from("a")],
  [
    "a class instance",
    new (class A {
      a = 1;
    })(),
  ],
  ["a boxed number", Object(1)],
  ["a cycle", CYCLE],
  ["too deep", deep],
];

for (const [what, value] of REFUSED) {
  test(`refuses ${what}`, () => assert.throws(() => canonicalJson(value as Json), { code: "INVALID_REQUEST" }));
}

test("accepts what lies just inside the limits", () => {
  let inside: Json = 1;
  for (let i = 0; i < MAX_DEPTH; i++) inside = [inside];
  assert.equal(canonicalJson(inside).length, 2 * MAX_DEPTH + 1);
  assert.equal(canonicalJson(Number.MAX_SAFE_INTEGER), "9007199254740991");
  assert.equal(canonicalJson(Object.assign(Object.create(null) as object, { a: 1 }) as Json), '{"a":1}');
});
