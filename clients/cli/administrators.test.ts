import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HsmError } from "@keystead/client/names";
import { readAdministrators, requireTwo } from "./administrators.ts";
import { newFolder, runIn } from "./recording-shell.ts";

const folder = newFolder();
const KEYSTEAD = join(import.meta.dirname, "../../keystead.cjs");

function approverKey(name: string): string {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(folder, `${name}.pub`), publicKey.export({ format: "pem", type: "spki" }));
  writeFileSync(join(folder, `${name}.key`), privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  return publicKey.export({ format: "der", type: "spki" }).toString("base64");
}
function certificate(name: string): string {
  const path = join(folder, `${name}.crt`);
  const args = [
    "req",
    "-x509",
    "-newkey",
    "ed25519",
    "-nodes",
    "-keyout",
    join(folder, `${name}.tls`),
    "-out",
    path,
    "-subj",
    `/CN=${name}`,
    "-days",
    "30",
  ];
  execFileSync("openssl", args, { stdio: "ignore" });
  return new X509Certificate(readFileSync(path)).fingerprint256.replaceAll(":", "").toLowerCase();
}

const keys = { alice: approverKey("alice"), bob: approverKey("bob") };
const prints = { alice: certificate("alice"), bob: certificate("bob") };

test("an administrator is a name, or a name with her certificates and public keys", () => {
  assert.deepEqual(readAdministrators(["admin"], folder), [{ name: "admin", fingerprints: [], approverKeys: [] }]);
  assert.deepEqual(readAdministrators(["alice:alice.crt", "bob", "alice:alice.pub"], folder), [
    { name: "alice", fingerprints: [prints.alice], approverKeys: [keys.alice] },
    { name: "bob", fingerprints: [], approverKeys: [] },
  ]);
});

test("private keys, files of two people, names that are none and files that are nothing are refused", () => {
  for (const [given, why] of [
    [["alice:alice.key"], /private key, which stays with alice/],
    [["alice:alice.pub", "bob:alice.pub"], /alice and bob name the same/],
    [["alice:alice.crt", "bob:alice.crt"], /alice and bob name the same/],
    [["a b"], /cannot be a name/],
    [[":alice.crt"], /cannot be a name/],
    [["alice:absent.pem"], /cannot read absent\.pem \(ENOENT\)/],
  ] as const)
    assert.throws(
      () => readAdministrators(given, folder),
      (error: HsmError) => error.code === "INVALID_REQUEST" && why.test(error.detail),
      given.join(),
    );
});

test("dual control takes two people who can agree", () => {
  const people = (...given: string[]) => readAdministrators(given, folder);
  for (const few of [people("alice"), people("alice:alice.pub"), people("alice:alice.pub", "bob:bob.crt")])
    assert.throws(() => requireTwo(few), /needs two administrators or more/);
  requireTwo(people("alice:alice.pub", "bob:bob.pub"));
});

test("what init writes for two administrators is valid, names their certificates and keys, and no private key", async () => {
  const made = await runIn(
    { cwd: folder },
    "init",
    "--out",
    "two.yaml",
    "--folder",
    "srv",
    "--data-dir",
    "elsewhere",
    "--dual-control",
    ...["alice:alice.crt", "alice:alice.pub", "bob:bob.crt", "bob:bob.pub"].flatMap((one) => ["--administrator", one]),
  );
  assert.equal(made.exit, 0, made.err);
  const text = readFileSync(join(folder, "two.yaml"), "utf8");
  for (const part of [prints.alice, prints.bob, keys.alice, keys.bob, join(folder, "elsewhere"), "key:destroy"])
    assert.ok(text.includes(part), part);
  const { stdout, stderr } = ((): { stdout: string; stderr: string } => {
    try {
      return {
        stdout: execFileSync(process.execPath, [KEYSTEAD, "config", "validate", "--config", join(folder, "two.yaml")], {
          encoding: "utf8",
          stdio: "pipe",
        }),
        stderr: "",
      };
    } catch (error) {
      return error as { stdout: string; stderr: string };
    }
  })();
  // Certificates and the root secret are not there yet; nothing else may be wrong.
  const mistakes = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("two.yaml:"));
  for (const line of mistakes) assert.match(line, /tls_(cert|key|ca_cert)_path|unseal\.master_key/, line);
  const alone = await runIn({ cwd: folder }, "init", "--out", "one.yaml", "--dual-control", "--administrator", "alice:alice.pub");
  assert.equal(alone.exit, 2);
  assert.match(alone.err, /needs two administrators/);
});

test("init keeps the first policy beside the configuration, which names it; one that cannot be set is refused", async () => {
  const policy = JSON.stringify({ format: 1, denials: [{ id: "d", members: ["user:eve"], permissions: ["*"], namespaces: ["*"] }] });
  writeFileSync(join(folder, "policy.json"), policy);
  const init = (...args: string[]) => runIn({ cwd: folder }, "init", ...args);
  const made = await init("--out", "with.yaml", "--policy", "policy.json");
  assert.equal(made.exit, 0, made.err);
  const kept = join(folder, "with.yaml.first-policy.json");
  assert.equal(readFileSync(kept, "utf8"), policy);
  assert.ok(readFileSync(join(folder, "with.yaml"), "utf8").includes(`first_policy_path: ${JSON.stringify(kept)}`));
  assert.match(String(made.out), /in force from the first unseal on/);
  assert.doesNotMatch(String(made.out), /two of the administrators/);
  const two = ["alice:alice.pub", "bob:bob.pub"].flatMap((one) => ["--administrator", one]);
  const dual = await init("--out", "dual.yaml", "--policy", "policy.json", "--dual-control", ...two);
  assert.match(String(dual.out), /two of the administrators named here: alice, bob/);
  assert.equal((await init("--out", "with.yaml", "--policy", "policy.json")).exit, 2);
  assert.equal((await init("--out", "-", "--policy", "policy.json")).exit, 2);
  for (const [at, [text, why]] of (
    [
      ["{", /JSON/],
      ['{"format":1,"bindings":[{"id":"b","members":["*"],"roles":["Emperor"],"namespaces":["*"]}]}', /there is no such role/],
      [
        '{"format":1,"approvals":[{"id":"a","permissions":["vault:seal"],"namespaces":["retail"],"quorum":1,"role":"Operator"}]}',
        /about the server/,
      ],
    ] as const
  ).entries()) {
    writeFileSync(join(folder, "wrong.json"), text);
    const refused = await init("--out", `wrong-${at}.yaml`, "--policy", "wrong.json");
    assert.notEqual(refused.exit, 0);
    assert.match(refused.err, why);
    assert.equal(existsSync(join(folder, `wrong-${at}.yaml`)), false);
    assert.equal(existsSync(join(folder, `wrong-${at}.yaml.first-policy.json`)), false);
  }
});
