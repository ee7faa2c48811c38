import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse, parseAllDocuments } from "yaml";
import { documentText, followingText, outputForm } from "./output-form.ts";

test("the form is --output's, or --json's, or the environment's, or a table", () => {
  const of = (options: object, said?: string): string => outputForm(options, { env: { KEYSTEAD_OUTPUT: said } });
  assert.equal(of({}), "table");
  assert.equal(of({}, "yaml"), "yaml");
  assert.equal(of({ output: "table" }, "yaml"), "table");
  assert.equal(of({ json: true }, "yaml"), "json");
  assert.equal(of({ json: true, output: "json" }), "json");
  for (const wrong of [() => of({ json: true, output: "yaml" }), () => of({ output: "xml" }), () => of({}, "xml")])
    assert.throws(wrong, { code: "INVALID_REQUEST" });
});

test("YAML says what JSON says, by version 1.1 and 1.2, whatever the texts look like", async () => {
  const hard = fc.constantFrom(
    "yes",
    "no",
    "on",
    "~",
    "null",
    "1e3",
    "0x10",
    "012",
    "1:30",
    "=",
    "<<",
    "- a",
    "#",
    "a: b",
    "\n",
    " ",
    "\u2028",
    "---",
  );
  const value = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(fc.string(), hard, fc.integer(), fc.boolean(), fc.array(hard)));
  await fc.assert(
    fc.asyncProperty(value, async (one) => {
      const wanted = JSON.parse(await documentText(one, "json"));
      const text = await documentText(one, "yaml");
      for (const version of ["1.1", "1.2"] as const) assert.deepEqual(parse(text, { version }), wanted);
    }),
  );
});

test("documents that follow each other can be told apart", async () => {
  const values = [{ a: 1n, bytes: Uint8Array.of(1, 2) }, { at: new Date(0) }];
  const yaml = (await Promise.all(values.map((value) => followingText(value, "yaml")))).join("");
  const read = parseAllDocuments(yaml) as { toJS(): unknown }[];
  assert.deepEqual(
    read.map((document) => document.toJS()),
    [{ a: "1", bytes: "AQI=" }, { at: "1970-01-01T00:00:00.000Z" }],
  );
  const json = (await Promise.all(values.map((value) => followingText(value, "json")))).join("");
  assert.equal(json.split("\n").length, 3);
});
