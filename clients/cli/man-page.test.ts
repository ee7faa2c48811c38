/** The manual, held to what groff and man make of it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn } from "./recording-shell.ts";

const options = { skip: process.env["CI"] !== "true" && spawnSync("groff", ["--version"]).error !== undefined && "there is no groff" };
const groff = (text: string | Buffer): { out: string; err: string } => {
  const { stdout, stderr, error } = spawnSync("groff", ["-man", "-Tutf8", "-ww", "-rLL=200n", "-P-cbou"], {
    input: text,
    encoding: "utf8",
  });
  assert.equal(error, undefined);
  return { out: stdout, err: stderr };
};

test("every command has a page, which groff reads without a warning and which says what --help says", options, async () => {
  const cwd = newFolder();
  const { exit, out } = await runIn({ cwd }, "man", "--all", "pages", "--json");
  assert.equal(exit, 0);
  const files = readdirSync(join(cwd, "pages")).sort();
  assert.deepEqual([...JSON.parse(out.toString()).pages].sort(), files);
  assert.ok(files.includes("keystead.1") && files.includes("keystead-keys-create.1"));
  const every = spawnSync("groff", ["-man", "-Tutf8", "-ww", "-z", ...files.map((file) => join(cwd, "pages", file))], { encoding: "utf8" });
  assert.deepEqual([every.status, every.stderr], [0, ""]);
});

test("a page has the command's options, notes, examples and exit statuses, letter by letter", options, async () => {
  const { exit, out } = await runIn({}, "man", "keys", "destroy");
  assert.equal(exit, 0);
  const page = groff(out).out;
  for (const words of [
    "keystead-keys-destroy - Schedule the destruction of a key; it can be cancelled until it is due",
    "keystead keys destroy [options] key",
    "--delay time",
    "how long to wait, such as 12h or 30d (default: as configured, 7d)",
    "Without a terminal, --yes is required.",
    "$ keystead keys destroy backup --key-version 1 --yes",
    "--output form",
    "11  waits for somebody's approval",
    "keystead-keys(1)",
  ])
    assert.ok(page.includes(words), words);
  const quoted = groff((await runIn({}, "man", "mac", "verify")).out).out;
  assert.ok(quoted.includes(`--mac "$MAC"`) && quoted.includes("'hello'"), "quotation marks stay what they are");
});

test("a command that is none, and --all for one, are mistakes", async () => {
  assert.equal((await runIn({}, "man", "keys", "cook")).exit, 2);
  assert.equal((await runIn({}, "man", "keys", "--all", "x")).exit, 2);
});
