/** The shipped preset files are what the code has built in, are valid, and change nothing. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "./load.ts";
import { NOT_BUILT } from "./not-built.ts";
import { PRESETS, renderConfigReference, renderPresetFile } from "./reference.ts";
import { allKeys } from "./schema-walk.ts";

const root = join(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "keystead-shipped-"));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const preset of PRESETS) {
  const path = join(root, "config", `${preset}.yaml`);
  test(`config/${preset}.yaml is the built-in preset`, () => assert.equal(readFileSync(path, "utf8"), renderPresetFile(preset)));
  test(`config/${preset}.yaml alone means the same as its preset`, () => {
    const load = (args: readonly string[]) => loadConfig({ args: [...args, "--set", "unseal.method=none"], env: {}, cwd: folder });
    const { config, mistakes } = load(["--config", path]);
    const expected = load(["--preset", preset]);
    assert.deepEqual(config, expected.config);
    // Production names certificates that this machine need not have; nothing else may be wrong.
    assert.deepEqual(
      mistakes.map(({ key }) => key),
      preset === "production" ? ["server.tls_cert_path", "server.tls_key_path", "server.tls_ca_cert_path"] : [],
    );
  });
}

test("the reference page has a line for every key and every refusal", () => {
  const page = renderConfigReference();
  for (const { key } of [...allKeys(), ...NOT_BUILT]) assert.ok(page.includes(`| \`${key}\` |`), key);
  const committed = join(root, "docs/reference/configuration.md");
  if (existsSync(committed)) assert.equal(readFileSync(committed, "utf8"), page);
});
