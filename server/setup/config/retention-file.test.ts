import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig } from "./load.ts";
import { sentence } from "./mistake.ts";
import { readRetentionFile } from "./retention-file.ts";

const DAY = 86_400;

function fileWith(t: TestContext, text: string, name = "retention.yaml"): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-retention-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const WANTED = {
  defaultSeconds: 365 * DAY,
  tags: [{ tag: "compliance.sox", keepSeconds: 2557 * DAY }],
  overrides: [
    { keyId: "root", keepSeconds: 3650 * DAY },
    { namespace: "pay", keyId: "root", version: 3, keepSeconds: 0 },
  ],
  namespaces: { pay: { defaultSeconds: 730 * DAY, tags: [] } },
};

test("the file is YAML or JSON, in days", (t) => {
  const yaml = `
default_days: 365
tags: { compliance.sox: 2557 }
overrides:
  - { key_id: root, days: 3650 }
  - { key_id: root, namespace: pay, version: 3, days: 0 }
namespaces:
  pay: { default_days: 730 }
`;
  assert.deepEqual(readRetentionFile(fileWith(t, yaml)), { file: WANTED, mistakes: [] });
  const json = JSON.stringify({
    default_days: 365,
    tags: { "compliance.sox": 2557 },
    overrides: [
      { key_id: "root", days: 3650 },
      { key_id: "root", namespace: "pay", version: 3, days: 0 },
    ],
    namespaces: { pay: { default_days: 730 } },
  });
  assert.deepEqual(readRetentionFile(fileWith(t, json, "retention.json")), { file: WANTED, mistakes: [] });
});

test("every mistake is named with its line, and the server does not start", (t) => {
  for (const [text, line, key] of [
    ["default_days: -1\n", 1, "default_days"],
    ["default_days: 1.5\n", 1, "default_days"],
    ["default_days: 99999\n", 1, "default_days"],
    ["tags:\n  a: soon\n", 2, "tags.a"],
    ["overrides:\n  - { days: 1 }\n", 2, "overrides[0].key_id"],
    ["overrides:\n  - { key_id: ../x, days: 1 }\n", 2, "overrides[0].key_id"],
    ["overrides:\n  - { key_id: x, version: 0, days: 1 }\n", 2, "overrides[0].version"],
    ["overrides:\n  - { key_id: x, days: 1, weeks: 2 }\n", 2, "overrides[0]"],
    ["namespaces:\n  Pay: {}\n", 2, "namespaces.Pay"],
    ["default_day: 1\n", 1, ""],
    ["default_days: 1\ndefault_days: 2\n", 2, undefined],
  ] as const) {
    const path = fileWith(t, text);
    const { file, mistakes } = readRetentionFile(path);
    assert.equal(file, undefined, text);
    assert.equal(mistakes.length, 1, text);
    if (key !== undefined) assert.equal(mistakes[0]?.key, key, text);
    if (key !== "") assert.equal(mistakes[0]?.place.line, line, `${text}: ${mistakes.map(sentence).join()}`);
    const loaded = loadConfig({
      args: ["--preset", "development", "--set", `lifecycle.retention_file=${path}`],
      env: {},
      cwd: join(path, ".."),
    });
    assert.equal(loaded.config, undefined, text);
  }
  const missing = loadConfig({
    args: ["--preset", "development", "--set", "lifecycle.retention_file=/nowhere.yaml"],
    env: {},
    cwd: tmpdir(),
  });
  assert.match(missing.mistakes.map(sentence).join(), /\/nowhere\.yaml: the file cannot be read \(ENOENT\)/);
});

test("a hardware source that would have to be spoken to is refused by name", () => {
  for (const path of ["/dev/tpm0", "/dev/tpmrm0", "tpm:0", "pkcs11:token=x", "/usr/lib/softhsm/libsofthsm2.so"]) {
    const { mistakes } = loadConfig({
      args: ["--preset", "development", "--set", `crypto.hardware_random=${path}`],
      env: {},
      cwd: tmpdir(),
    });
    assert.deepEqual(
      mistakes.map(({ key }) => key),
      ["crypto.hardware_random"],
      path,
    );
  }
});

test("overwriting files before they are removed is refused by name where no file is the store's own", () => {
  for (const backend of ["sqlite", "memory"]) {
    const args = ["--preset", "development", "--set", "storage.shred_iterations=1", "--set", `storage.backend=${backend}`];
    const { mistakes } = loadConfig({ args, env: {}, cwd: tmpdir() });
    assert.deepEqual(
      mistakes.map(({ key }) => key),
      ["storage.shred_iterations"],
    );
  }
});
