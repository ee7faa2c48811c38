/** No page about a client without its test. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../running-server.ts";

test("every page of docs/integrate/pkcs11/ is tried out, and docs/integrate/pkcs11.md leads to it", () => {
  const pages = globSync("docs/integrate/pkcs11/*.md", { cwd: ROOT }).map((path) => basename(path, ".md"));
  const tests = globSync("*.test.ts", { cwd: import.meta.dirname }).map((name) => readFileSync(join(import.meta.dirname, name), "utf8"));
  const tried = tests.flatMap((text) => [...text.matchAll(/^(?:clientPages\(| +)\{ name: "([\w-]+)"/gm)].map(([, name]) => name));
  const led = readFileSync(join(ROOT, "docs/integrate/pkcs11.md"), "utf8").matchAll(/\]\(pkcs11\/([\w-]+)\.md\)/g);
  assert.deepEqual(tried.sort(), pages.sort());
  assert.deepEqual([...led].map(([, name]) => name).sort(), pages.sort());
});
