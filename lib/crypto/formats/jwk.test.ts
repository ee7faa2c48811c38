import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJwk } from "./jwk.ts";

const parse = (text: string | Uint8Array): unknown => parseJwk(typeof text === "string" ? Buffer.from(text) : text, ["EdDSA"]);

test("reads a flat object of strings and string arrays", () => {
  const text = String.raw`{ "kty" : "OKP", "key_ops": ["sign", "verify"], "alg":"EdDSA", "kid": "a\":\"b" }`;
  assert.deepEqual(parse(text), { kty: "OKP", key_ops: ["sign", "verify"], alg: "EdDSA", kid: 'a":"b' });
});

const REFUSED: readonly (readonly [what: string, text: string | Uint8Array])[] = [
  ["a member twice", '{"d":"AA","d":"BB"}'],
  ["a member twice, once escaped", String.raw`{"d":"AA","\u0064":"BB"}`],
  ["a nested object", '{"kty":"oct","k":{"a":"b"}}'],
  ["a number", '{"kty":"oct","k":1}'],
  ["null", '{"kty":null}'],
  ["an array", '["kty"]'],
  ["a string", '"kty"'],
  ["no JSON", "{kty:1}"],
  ["bytes that are not UTF-8", Buffer.from('{"kty":"\xff"}', "latin1")],
  ["a lone surrogate", String.raw`{"kid":"\ud800"}`],
  ["an alg of another algorithm", '{"alg":"RS256"}'],
];
for (const [what, text] of REFUSED) {
  test(`refuses ${what}`, () => assert.throws(() => parse(text), { code: "INVALID_REQUEST" }));
}

test("does not quote its input in an error", () => {
  assert.throws(
    () => parse('{"k":"c2VjcmV0"'),
    (error: Error) => !`${error.message}${String(error.cause)}${error.stack}`.includes("c2VjcmV0"),
  );
});
