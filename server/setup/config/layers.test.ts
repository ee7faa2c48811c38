/** Which layer counts, how each is written, and that mistakes say where they are. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "./load.ts";
import { sentence } from "./mistake.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-layers-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

interface Given {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the file of --config. */
  readonly file?: string;
  /** Files in the working directory. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Loads in a fresh working directory. */
function load({ args = ["--preset", "development"], env = {}, file, files = {} }: Given) {
  const cwd = join(folder, String(count++));
  mkdirSync(join(cwd, "config"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  if (file !== undefined) writeFileSync(join(cwd, "c.yaml"), file);
  const loaded = loadConfig({ args: [...args, ...(file === undefined ? [] : ["--config", "c.yaml"])], env, cwd });
  return { ...loaded, cwd, sentences: loaded.mistakes.map((mistake) => sentence(mistake).replace(`${cwd}/`, "")) };
}

const LAYERS = [
  { name: "config/default.yaml", given: { files: { "config/default.yaml": "server: {api_port: 2}" } }, port: 2 },
  { name: "--config", given: { file: "server: {api_port: 3}" }, port: 3 },
  { name: "FERROHSM_A__B", given: { env: { FERROHSM_SERVER__API_PORT: "4" } }, port: 4 },
  { name: "APP__A__B", given: { env: { APP__SERVER__API_PORT: "5" } }, port: 5 },
  { name: "HSM_A__B", given: { env: { HSM_SERVER__API_PORT: "6" } }, port: 6 },
  { name: "flags", given: { args: ["--preset", "development", "--api-port", "7"] }, port: 7 },
] as const satisfies readonly { name: string; given: Given; port: number }[];

test("the preset is below every layer", () => assert.equal(load({}).config?.gateway.api?.port, 8443));

for (const [at, { name, port }] of LAYERS.entries()) {
  test(`${name} goes before all layers below it`, () => {
    const given = LAYERS.slice(0, at + 1).map((layer): Given => layer.given);
    const joined: Given = { ...Object.assign({}, ...given), env: Object.assign({}, ...given.map(({ env }) => env ?? {})) };
    assert.equal(load(joined).config?.gateway.api?.port, port);
  });
}

test("sections join across layers and lists are replaced", () => {
  const { config } = load({
    files: { "config/default.json": '{"namespaces":{"a":{"max_keys":1}},"metrics":{"histogram_buckets":[1,2]}}' },
    file: "namespaces: {b: {max_keys: 2}}\nmetrics: {histogram_buckets: [3]}",
  });
  assert.deepEqual(Object.keys(config?.vault.namespaces ?? {}), ["default", "a", "b"]);
  assert.deepEqual(config?.vault.histogramBuckets, [3]);
});

test("two config/default files are a mistake", () =>
  assert.match(
    load({ files: { "config/default.yaml": "", "config/default.json": "{}" } }).sentences.join(),
    /config\/default\.json: there is another/,
  ));

test("the preset comes from the highest layer that names one, and is production when none does", () => {
  assert.equal(load({ args: [], file: "preset: test" }).config?.vault.preset, "test");
  assert.equal(load({ args: [], file: "preset: test", env: { HSM_PRESET: "development" } }).config?.vault.preset, "development");
  assert.ok(load({ args: [] }).sentences.some((text) => text.startsWith("preset production: unseal.master_key")));
});

test("KEYSTEAD_DATA moves the data folder and a flag goes before it", () => {
  assert.equal(load({ env: { KEYSTEAD_DATA: "/tmp/x" } }).config?.vault.dataDir, "/tmp/x");
  assert.equal(
    load({ env: { KEYSTEAD_DATA: "/tmp/x" }, args: ["--preset", "development", "--data-dir", "/tmp/y"] }).config?.vault.dataDir,
    "/tmp/y",
  );
});

test("HSM_MASTER_KEY becomes a reference to itself and its value goes nowhere", () => {
  const { config } = load({ env: { HSM_MASTER_KEY: "base64:c2VjcmV0LXZhbHVl" } });
  assert.equal(config?.vault.unseal.method === "key" && config.vault.unseal.masterKey, "env:HSM_MASTER_KEY");
  assert.ok(!JSON.stringify(config).includes("c2VjcmV0"));
});

test("HSM_MASTER_KEY goes before FERROHSM_MASTER_KEY, and FERROHSM_HMAC_KEY is read too", () => {
  const { config } = load({ env: { HSM_MASTER_KEY: "a", FERROHSM_MASTER_KEY: "b", FERROHSM_HMAC_KEY: "c" } });
  assert.deepEqual(config?.vault.unseal, { method: "key", masterKey: "env:HSM_MASTER_KEY", hmacKey: "env:FERROHSM_HMAC_KEY" });
});

for (const name of ["HSM_PIN", "HSM_PASSWORD", "HSM_MASTER_KEY", "FERROHSM_MASTER_KEY"]) {
  test(`${name} that is set but empty stops the start and is named`, () => {
    assert.ok(
      load({ env: { [name]: "" } }).sentences.some(
        (text) => text === `environment variable ${name}: it is set but empty; give it the secret, or unset it`,
      ),
    );
  });
}

test("HSM_PIN and HSM_PASSWORD with a value change nothing", () => {
  assert.deepEqual(load({ env: { HSM_PIN: "1234", HSM_PASSWORD: "x" } }).mistakes, []);
});

test("a referenced variable that is empty or missing is named", () => {
  assert.match(
    load({ args: ["--preset", "development", "--master-key", "env:NOPE"] }).sentences.join(),
    /flag --master-key: unseal\.master_key: the environment variable NOPE is not set/,
  );
  assert.match(
    load({ args: ["--preset", "development", "--master-key", "env:NOPE"], env: { NOPE: "" } }).sentences.join(),
    /NOPE is empty/,
  );
});

test("a referenced file that is missing or empty is named, with the line that names it", () => {
  assert.match(
    load({ file: "unseal:\n  master_key: file:/nowhere/key" }).sentences.join(),
    /^c\.yaml:2:3: unseal\.master_key: \/nowhere\/key does not exist/,
  );
  assert.match(load({ file: "unseal:\n  master_key: file:k", files: { k: "" } }).sentences.join(), /is empty/);
});

test("a passphrase in a higher layer takes the place of the preset's key, and both in one layer are a mistake", () => {
  assert.equal(load({ file: "unseal: {passphrase: 'fd:4'}" }).config?.vault.unseal.method, "passphrase");
  assert.match(
    load({ file: "unseal:\n  passphrase: fd:4\n  master_key: fd:5" }).sentences.join(),
    /^c\.yaml:2:3: unseal\.passphrase: unseal\.master_key is set too/,
  );
});

test("flags are written with a space or an equals sign, once", () => {
  assert.equal(load({ args: ["--preset=development", "--api-port=9"] }).config?.gateway.api?.port, 9);
  assert.match(
    load({ args: ["--preset", "development", "--port", "1", "--port", "2"] }).sentences.join(),
    /flag --port: it is given twice/,
  );
  assert.match(
    load({ args: ["--preset", "development", "--prt", "1"] }).sentences.join(),
    /flag --prt: there is no such flag; did you mean --port\?/,
  );
});

test("environment values are read as what their key takes", () => {
  const { config } = load({
    env: {
      HSM_STORAGE__WAL_ENABLED: "false",
      HSM_METRICS__HISTOGRAM_BUCKETS: "[1, 2]",
      HSM_NAMESPACES__DEFAULT__DESCRIPTION: "42",
      HSM_SERVER__TIMEOUT_SECONDS: "90",
    },
  });
  assert.equal(config?.vault.storage.wal, false);
  assert.deepEqual(config?.vault.histogramBuckets, [1, 2]);
  assert.equal(config?.vault.namespaces["default"]?.description, "42");
  assert.equal(config?.gateway.limits.requestTimeoutSeconds, 90);
});

test("variables of the client and of other programs are left alone; unknown FERROHSM_ ones are mistakes", () => {
  assert.deepEqual(load({ env: { HSM_TOKEN: "x", FERROHSM_AUTH_TOKEN: "x", APP_MODE: "x", PATH: "/bin" } }).mistakes, []);
  assert.match(
    load({ env: { FERROHSM_RATE_LIMIT_BURST: "1" } }).sentences.join(),
    /FERROHSM_RATE_LIMIT_BURST: the server reads no such variable/,
  );
});
