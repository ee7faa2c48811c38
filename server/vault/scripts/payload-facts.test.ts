import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { payloadFacts } from "./payload-facts.ts";

type Facts = Readonly<Record<string, unknown>>;

/** What is told of data that is there to be signed, besides its digest and size. */
function told(data: string | Uint8Array): Facts {
  const { bytes, sha256, ...rest } = payloadFacts({ data: Buffer.from(data as Uint8Array) }, true) as Facts;
  assert.equal(bytes, Buffer.byteLength(data as Uint8Array));
  assert.equal(sha256, hash("sha256", data as Uint8Array, "hex"));
  return rest;
}

test("an object or a list is told as its value, any other text as text", () => {
  assert.deepEqual(told('{"amount":5,"to":["a","b\\"c"]}'), { format: "json", json: { amount: 5, to: ["a", 'b"c'] } });
  assert.deepEqual(told(' \n[1, {"a" : {}}]\t'), { format: "json", json: [1, { a: {} }] });
  for (const text of ["", "5", '"{}"', "{", '{"a":1}x', "null", "[1,]", "\ufeff{}", "zwölf"])
    assert.deepEqual(told(text), { format: "text", text }, text);
});

test("bytes that are no text are told in hexadecimal, and what is too large by its digest alone", () => {
  assert.deepEqual(told(Buffer.from("02f8ff", "hex")), { format: "binary", hex: "02f8ff" });
  assert.deepEqual(told(Buffer.from("c080", "hex")), { format: "binary", hex: "c080" }, "overlong UTF-8 is no text");
  assert.deepEqual(told("x".repeat(16_384)), { format: "text", text: "x".repeat(16_384) });
  assert.deepEqual(told("x".repeat(16_385)), { format: "large" });
});

test("JSON that another reader may understand otherwise is told as text", () => {
  for (const text of [
    '{"amount":5,"amount":6}',
    '{"amount":5,"\\u0061mount":6}',
    '[{"a":{"b":1,"b" \n:2}}]',
    '{"amount":9007199254740993}',
    '{"amount":1e400}',
    "[-9007199254740993.0]",
    '{"a\\ud800":1,"a\\ud801":2}',
    '["\\udc00"]',
    `${"[".repeat(101)}${"]".repeat(101)}`,
    `${"[".repeat(8000)}${"]".repeat(8000)}`,
  ])
    assert.deepEqual(told(text), { format: "ambiguous", text }, text.slice(0, 60));
  for (const text of [
    '{"a":9007199254740991}',
    '{"a":[{"a":1}],"b":{"a":2}}',
    '{"\\"":1,"\\\\":":","x":"\\\\"}',
    `${"[".repeat(100)}${"]".repeat(100)}`,
    '{"__proto__":{"a":1},"constructor":2}',
  ])
    assert.equal(told(text)["format"], "json", text.slice(0, 60));
});

test("whatever JSON a caller writes once, however spaced, is told as its value", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
      fc.constantFrom("", " ", "\n"),
      (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        const facts = told(text);
        if (facts["format"] !== "json") assert.match(text, /\d{16}|e\+|\\u[dD][89a-fA-F]/);
        else assert.deepEqual(facts["json"], JSON.parse(text));
      },
    ),
  );
});

test("a digest, and what is signed as it is, are told so even when their bytes would read as JSON", () => {
  const rawData = Buffer.from("{}");
  assert.deepEqual(payloadFacts({ rawData }, true), { bytes: 2, sha256: hash("sha256", rawData), format: "raw", hex: "7b7d" });
  const digestValue = Buffer.from('{"amount":5,"to":"somebody"    }');
  assert.equal(digestValue.length, 32);
  const { format, hex, json, text } = payloadFacts({ digestValue }, true) as Facts;
  assert.deepEqual([format, hex, json, text], ["digest", digestValue.toString("hex"), undefined, undefined]);
});

test("what is signed with the data is told too, where there is some", () => {
  assert.equal((payloadFacts({ data: Buffer.from("x"), context: Buffer.from("ab") }, true) as Facts)["contextHex"], "6162");
  assert.ok(!("contextHex" in (payloadFacts({ data: Buffer.from("x"), context: Buffer.alloc(0) }, true) as Facts)));
});

test("of what is encrypted, decrypted or checked only digest and size are told", () => {
  for (const request of [{ data: Buffer.from("{}") }, { plaintext: Buffer.from("{}") }, { ciphertext: Buffer.from("{}") }])
    assert.deepEqual(payloadFacts(request, false), { bytes: 2, sha256: hash("sha256", "{}", "hex") });
  assert.equal(payloadFacts({}, true), undefined);
});
