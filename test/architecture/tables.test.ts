import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ALGORITHM_NAMES, DIGEST_NAMES } from "@keystead/contract/algorithms";
import { HsmService } from "@keystead/contract/generated/hsm/hsm_pb";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { restRoutes } from "@keystead/contract/routes";
import { mechanisms } from "@keystead/crypto/mechanisms/register";
import { phaseCeremonies } from "../../server/vault/ceremonies/phase-changes.ts";
import { HANDLERS } from "../../server/vault/operations/register.ts";
import { generate } from "../../tools/generate.ts";
import { ROOT } from "../server.ts";
import { FILES, sourceOf, withoutComments } from "./imports.ts";

const ceremonies = phaseCeremonies({ method: () => "key", open: () => Promise.resolve(), closeSoon: () => undefined });
const textOf = (pattern: string): string =>
  globSync(pattern, { cwd: ROOT, exclude: (name) => name.includes("node_modules") })
    .map((file) => readFileSync(join(ROOT, file), "utf8"))
    .join("\n");

/** Operations the command line has no command of its own for, and why. */
const NOT_A_COMMAND: Readonly<Record<string, string>> = {};

test("every method of the service is a row of the operation table, and every row a method, once", () => {
  assert.deepEqual(OPERATIONS.map(({ name }) => name).sort(), HsmService.methods.map(({ name }) => name).sort());
  assert.equal(new Set(OPERATIONS.map(({ number }) => number)).size, OPERATIONS.length);
  for (const { name, method } of OPERATIONS)
    assert.equal(
      HsmService.methods.find((other) => other.name === name),
      method,
    );
});

test("every operation has one handler or one ceremony, and every handler and ceremony an operation", () => {
  const numbers = OPERATIONS.map(({ number }) => number).sort((a, b) => a - b);
  assert.deepEqual(
    [...HANDLERS.keys(), ...ceremonies.keys()].sort((a, b) => a - b),
    numbers,
  );
});

test("every operation has a REST route of its own", () => {
  const routes = restRoutes();
  assert.deepEqual([...new Set(routes.map(({ operation }) => operation.name))].sort(), OPERATIONS.map(({ name }) => name).sort());
  const told = routes.map(
    ({ method, segments }) => `${method} /${segments.map((segment) => (typeof segment === "string" ? segment : "*")).join("/")}`,
  );
  assert.deepEqual(
    told.filter((route, index) => told.indexOf(route) !== index),
    [],
  );
});

test("every operation can be asked for on the command line, or it is written down why not", () => {
  const commands = FILES.filter((file) => file.startsWith("clients/cli/"))
    .map((file) => withoutComments(sourceOf(file)))
    .join("\n");
  const missing = OPERATIONS.map(({ name }) => name).filter(
    (name) => !new RegExp(`\\.${name[0]?.toLowerCase()}${name.slice(1)}\\(`).test(commands),
  );
  assert.deepEqual(missing, Object.keys(NOT_A_COMMAND));
});

test("every operation is in the reference page and has a test that names it", () => {
  const page = readFileSync(join(ROOT, "docs/reference/operations.md"), "utf8");
  // The tables that the refusals are made from are tests too.
  const tests = textOf("{server,clients,test}/**/*.test.ts") + textOf("test/conformance/refusals/*.ts");
  for (const { name } of OPERATIONS) {
    assert.ok(page.includes(name), `${name} is in docs/reference/operations.md`);
    const camel = `${name[0]?.toLowerCase()}${name.slice(1)}`;
    assert.ok(tests.includes(`"${name}"`) || new RegExp(`\\b${camel}\\b`).test(tests), `${name} is in a test`);
  }
});

test("every mechanism is in the register, in the reference page, and in a test with published vectors", () => {
  assert.deepEqual(Object.keys(mechanisms).sort(), [...ALGORITHM_NAMES].sort());
  const page = readFileSync(join(ROOT, "docs/reference/mechanisms.md"), "utf8");
  const vectors = textOf("test/vectors/*.test.ts");
  assert.deepEqual(
    ALGORITHM_NAMES.filter((name) => !page.includes(name)),
    [],
  );
  assert.deepEqual(
    ALGORITHM_NAMES.filter((name) => !vectors.includes(`"${name}"`)),
    [],
  );
});

test("every digest is in the reference page and in a test with published vectors", () => {
  const page = readFileSync(join(ROOT, "docs/reference/mechanisms.md"), "utf8");
  const tests = textOf("lib/crypto/*.test.ts");
  assert.deepEqual(
    DIGEST_NAMES.filter((name) => !page.includes(name)),
    [],
  );
  assert.deepEqual(
    DIGEST_NAMES.filter((name) => !tests.includes(`"${name}"`)),
    [],
  );
});

test("what is generated is what the sources generate now, and nothing lies beside it", async () => {
  const files = await generate();
  const stale = [...files].filter(([path, text]) => readFileSync(join(ROOT, path), "utf8") !== text).map(([path]) => path);
  assert.deepEqual(stale, [], "run `npm run generate`");
  const there = globSync("{lib/contract/generated/**/*.ts,docs/reference/*}", { cwd: ROOT }).sort();
  assert.deepEqual(
    there.filter((path) => !files.has(path)),
    [],
  );
});
