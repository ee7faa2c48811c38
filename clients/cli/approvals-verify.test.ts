/** `keystead approvals verify` without a server: what it says of whose keys count. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn } from "./recording-shell.ts";

const TRUSTS = /no --trust.*keys in the evidence itself/;

test("a log checked without --trust warns that the keys in the evidence itself count, for people and in JSON; with it, it does not", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "audit"), "");
  writeFileSync(join(cwd, "all.json"), "[]");
  writeFileSync(join(cwd, "alice.pub"), "a key, of which no evidence is here");
  const log = ["approvals", "verify", "--log", "audit", "all.json"];
  const bare = await runIn({ cwd }, ...log);
  assert.equal(bare.exit, 0);
  assert.match(bare.out.toString(), TRUSTS);
  const { warnings } = JSON.parse((await runIn({ cwd }, ...log, "--json")).out.toString()) as { readonly warnings: readonly string[] };
  assert.match(warnings.join("\n"), TRUSTS);
  const named = await runIn({ cwd }, ...log, "--trust", "alice.pub");
  assert.doesNotMatch(named.out.toString(), TRUSTS);
  const told = JSON.parse((await runIn({ cwd }, ...log, "--trust", "alice.pub", "--json")).out.toString()) as {
    readonly warnings: unknown;
  };
  assert.deepEqual(told.warnings, []);
});
