import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBatch } from "./batch-file.ts";

const REFUSED = { code: "INVALID_REQUEST" };

test("the same batch is read from JSON and from YAML", async () => {
  const json =
    '{"items": [{"sign": {"key_id": "k", "text": "hello"}}, {"verify": {"key_id": "k", "data": "aGVsbG8=", "signature": "AAE="}}]}';
  const yaml =
    "# two of them\nitems:\n  - sign: {key_id: k, text: hello}\n  - verify:\n      key_id: k\n      data: aGVsbG8=\n      signature: AAE=\n";
  assert.deepEqual(await parseBatch(yaml), await parseBatch(json));
  const [first] = await parseBatch("- sign: {key_id: 'no', text: \"0x10\"}\n");
  assert.deepEqual(first, { sign: { keyId: "no", data: Buffer.from("0x10") } });
});

test("what is no batch is refused with the place, in either form", async () => {
  for (const [text, told] of [
    ["{", /not JSON/],
    ["a: [", /neither JSON nor YAML/],
    ["items: []", /at least one/],
    ["just words", /"items"/],
    ["items:\n  - sign: {text: 16}", /items\[0\]\.sign\.text is not text/],
    ['{"items": [{"sign": {"text": 16}}]}', /items\[0\]\.sign\.text is not text/],
    ["items:\n  - sign: {data: '%'}", /items\[0\]\.sign\.data is not base64/],
    ["items:\n  - destroy: {key_id: k}", /items\[0\] must have/],
    ["items:\n  - sign: {}\n    verify: {}", /items\[0\] must have/],
    ["items: [&a {sign: {key_id: k}}, *a]", /aliases/],
    ["items: 1\nitems: 2", /neither JSON nor YAML/],
  ] as const)
    await assert.rejects(parseBatch(text), { ...REFUSED, message: told }, text);
});
