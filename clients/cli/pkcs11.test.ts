/** `keystead pkcs11 doctor`: what it finds, and what it says to do. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn } from "./recording-shell.ts";
import { checkFiles, settingsOf, type Finding } from "./pkcs11-configuration.ts";
import { remedyFor } from "./pkcs11-application.ts";

/** Findings of one run by what was checked; nothing of this machine's own variables counts. */
async function examined(
  env: Readonly<Record<string, string>>,
  cwd: string,
  ...args: readonly string[]
): Promise<{ readonly exit: number; readonly of: (check: string) => Finding | undefined }> {
  const { out, exit } = await runIn({ client: {}, cwd, env }, "pkcs11", "doctor", "--json", ...args);
  const { findings } = JSON.parse(out.toString()) as { readonly findings: readonly Finding[] };
  return { exit, of: (check) => findings.find((finding) => finding.check === check) };
}

/** A program in the place of the helper: it lies beside the module, as the real one does. */
function moduleWith(folder: string, script: string): string {
  const library = join(folder, "libhsm_pkcs11.so");
  writeFileSync(library, "");
  writeFileSync(join(folder, "hsm-pkcs11-probe"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return library;
}

test("settings are read from YAML and JSON, and variables stand over them", () => {
  const yaml = 'endpoint: https://a:1 # there\nca: "/with space.pem"\nslots:\n  - namespace: x\n    key: not this\n';
  assert.deepEqual(settingsOf(yaml, {}), { endpoint: "https://a:1", ca: "/with space.pem" });
  assert.deepEqual(settingsOf(JSON.stringify({ endpoint: "unix:///a", credential: "/c" }), { HSM_PKCS11_ENDPOINT: "https://b" }), {
    endpoint: "https://b",
    credential: "/c",
  });
});

test("files that are missing, over, or open to others are told with what to do", () => {
  const folder = newFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=x",
      "-keyout",
      key,
      "-out",
      cert,
    ],
    { stdio: "ignore" },
  );
  chmodSync(key, 0o644);
  const day = 86_400_000;
  const checked = (now: number) => checkFiles({ cert, key, ca: join(folder, "none.pem") }, now);
  const [ca, good, mode] = checked(Date.now() + day);
  assert.match(ca?.found ?? "", /none\.pem cannot be used \(ENOENT\)/);
  assert.equal(good?.ok, true);
  assert.deepEqual([mode?.ok, mode?.remedy], [false, `chmod 0600 ${key}`]);
  assert.match(checked(Date.now() + 3 * day)[1]?.found ?? "", /ended on/);
  assert.match(checked(0)[1]?.remedy ?? "", /clock/);
});

test("what the module shows is read from the helper, and a key's signatures are timed", async () => {
  const folder = newFolder();
  const script = `case "$2" in
info) echo '{"library":"Keystead","slots":[{"slot":0,"label":"payments","mechanisms":60}]}' ;;
login) [ "$HSM_PIN" = "12345678" ] || { echo 'C_Login: 0xa0' >&2; exit 1; } ;;
sign) echo '{"medianUs":900.5,"p95Us":2100}' ;;
esac`;
  const library = moduleWith(folder, script);
  const env = { RIGHT: "12345678", WRONG: "87654321", PATH: "/usr/bin:/bin" };
  const right = await examined(env, folder, "--library", library, "--pin", "env:RIGHT", "--label", "k");
  assert.match(right.of("slots")?.found ?? "", /0: payments \(60 mechanisms\)/);
  assert.equal(right.of("PIN")?.ok, true);
  assert.match(right.of("speed")?.found ?? "", /takes 0\.9 ms, and in one case of twenty 2\.1 ms/);
  // There is no endpoint, so all is not well.
  assert.equal(right.exit, 1);
  const wrong = await examined(env, folder, "--library", library, "--pin", "env:WRONG");
  assert.deepEqual([wrong.of("PIN")?.ok, wrong.of("PIN")?.found], [false, "C_Login: 0xa0"]);
  assert.match(wrong.of("PIN")?.remedy ?? "", /the PIN is wrong/);
});

test("a module is found by PKCS11_LIBRARY_PATH, also in a folder, and a path without one is said to have none", async () => {
  const folder = newFolder();
  moduleWith(folder, "echo 'C_Initialize: 0x7' >&2; exit 1");
  const { of } = await examined({ PKCS11_LIBRARY_PATH: `${folder}:/no/such/place`, PATH: "/usr/bin:/bin" }, folder);
  assert.match(of("module")?.remedy ?? "", /misspelt/);
  assert.match(of("library")?.found ?? "", /\/no\/such\/place is no module/);
});

test("a machine without a helper is told which to install", async () => {
  const folder = newFolder();
  const library = join(folder, "libhsm_pkcs11.so");
  writeFileSync(library, "");
  const { of } = await examined({ PATH: "/nowhere" }, folder, "--library", library);
  assert.match(of("module")?.remedy ?? "", /apt install opensc/);
});

test("a unix socket that answers is well, and one that is away says where to look", async (context) => {
  const folder = newFolder();
  const run = join(folder, "run");
  mkdirSync(run, { mode: 0o750 });
  const server = createServer((socket) => socket.destroy());
  context.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(join(run, "api.sock"), resolve));
  const file = join(folder, "module.yaml");
  writeFileSync(file, `endpoint: unix://${run}/api.sock\n`);
  assert.equal((await examined({ PATH: "/nowhere" }, folder, "--file", file)).of("connection")?.ok, true);
  const away = await examined({ PATH: "/nowhere", HSM_PKCS11_ENDPOINT: `unix://${run}/other.sock` }, folder, "--file", file);
  assert.match(away.of("connection")?.found ?? "", /ENOENT/);
  assert.match(away.of("connection")?.remedy ?? "", /whether the server runs/);
});

test("every return value that has a remedy has it, in digits and by name", () => {
  for (const said of ["C_Sign: 0x30", "error: PKCS11 function C_Sign failed: rv = CKR_DEVICE_ERROR (0x30)"])
    assert.match(remedyFor(said), /does not answer/);
  assert.match(remedyFor("C_Sign: 0x54"), /HSM_PKCS11_TRACE/);
});
