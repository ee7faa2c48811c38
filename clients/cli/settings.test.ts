/** Where settings come from, and that secrets are only ever named. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn, type Scene } from "./recording-shell.ts";
import { decodeSecret } from "./secret-reference.ts";
import { parseTimeout } from "./settings.ts";

const client = { getStatus: () => ({ phase: "open" }) };
function put(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}
const profile = (endpoint: string): string => JSON.stringify({ endpoint });
const endpointOf = async (scene: Scene, ...args: string[]): Promise<string | undefined> =>
  (await runIn({ client, ...scene, env: { KEYSTEAD_ENDPOINT: "", ...scene.env } }, "status", ...args)).connectedWith?.endpoint;

test("the command line wins over the environment, and that over the profile", async () => {
  const cwd = newFolder();
  put(join(cwd, "data/credentials/profile.json"), profile("https://profile"));
  assert.equal(await endpointOf({ cwd }), "https://profile");
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_ENDPOINT: "https://environment" } }), "https://environment");
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_ENDPOINT: "https://environment" } }, "--endpoint", "https://flag"), "https://flag");
});

test("profiles are looked for in the order the help says", async () => {
  const cwd = newFolder();
  put(join(cwd, ".config/keystead/profile.json"), profile("https://home"));
  assert.equal(await endpointOf({ cwd }), "https://home");
  put(join(cwd, "data/credentials/profile.json"), profile("https://data"));
  assert.equal(await endpointOf({ cwd }), "https://data");
  put(join(cwd, "elsewhere/credentials/profile.json"), profile("https://elsewhere"));
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_DATA: "elsewhere" } }), "https://elsewhere");
  put(join(cwd, "mine.json"), profile("https://mine"));
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_PROFILE: "mine.json" } }), "https://mine");
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_PROFILE: "absent.json" } }, "--profile", "mine.json"), "https://mine");
});

test("certificates are read from the profile and not sent to a plaintext listener", async () => {
  const cwd = newFolder();
  put(join(cwd, "p/profile.json"), JSON.stringify({ endpoint: "https://x", ca: "ca.pem", cert: "c.pem", key: "k.pem", namespace: "n" }));
  for (const name of ["ca", "c", "k"]) put(join(cwd, `p/${name}.pem`), name);
  const { connectedWith } = await runIn(
    { client, cwd, env: { KEYSTEAD_ENDPOINT: "" } },
    "status",
    "--profile",
    "p/profile.json",
    "--timeout",
    "1500ms",
    "--request-id",
    "r",
  );
  assert.deepEqual([String(connectedWith?.ca), String(connectedWith?.cert), String(connectedWith?.key)], ["ca", "c", "k"]);
  assert.deepEqual([connectedWith?.namespace, connectedWith?.timeoutMs, connectedWith?.requestId], ["n", 1500, "r"]);
  const plain = await runIn({ client, cwd }, "status", "--profile", "p/profile.json", "--endpoint", "http://127.0.0.1:50051");
  assert.deepEqual([plain.connectedWith?.cert, plain.connectedWith?.key], [undefined, undefined]);
});

test("a token comes by reference, from --token or KEYSTEAD_TOKEN", async () => {
  const cwd = newFolder();
  put(join(cwd, "t"), "from.a.file\n");
  const tokenOf = async (env: Record<string, string>, ...args: string[]) =>
    (await runIn({ client, cwd, env }, "status", ...args)).connectedWith?.token;
  assert.equal(await tokenOf({}, "--token", "file:t"), "from.a.file");
  assert.equal(await tokenOf({ T: "from.the.environment" }, "--token", "env:T"), "from.the.environment");
  assert.equal(await tokenOf({ KEYSTEAD_TOKEN: "as.it.is" }), "as.it.is");
  assert.equal(await tokenOf({ KEYSTEAD_TOKEN: "file:t" }), "from.a.file");
});

test("a literal secret is refused and never repeated", async () => {
  const secret = "eyJhbGciOiJIUzI1NiJ9.hunter2";
  for (const line of [
    ["status", "--token", secret],
    ["unseal", "--secret", secret],
    ["unseal", "--secret", "env:ABSENT", "--hmac-key", secret],
    ["token", "mint", "--subject", "s", "--issuer", "i", "--audience", "a", "--key", secret],
  ]) {
    for (const json of [[], ["--json"]]) {
      const { exit, err, out } = await runIn({ client }, ...line, ...json);
      assert.equal(exit, 2, line.join(" "));
      assert.doesNotMatch(err + out.toString(), /hunter2/);
    }
  }
});

test("an unseal secret may be raw bytes, base64 or hexadecimal text, or a passphrase", () => {
  const raw = Buffer.alloc(32, 9);
  assert.deepEqual(decodeSecret(raw, "--secret"), raw);
  assert.deepEqual(decodeSecret(Buffer.from(`base64:${raw.toString("base64")}\n`), "--secret"), raw);
  assert.deepEqual(decodeSecret(Buffer.from(`hex:${raw.toString("hex")}`), "--secret"), raw);
  assert.deepEqual(decodeSecret(Buffer.from("correct horse\n"), "--secret"), Buffer.from("correct horse"));
  assert.throws(() => decodeSecret(Buffer.from("hex:zz"), "--secret"), { code: "INVALID_REQUEST" });
});

test("unseal sends the secret and wipes it", async () => {
  let sent: Buffer | undefined;
  let copy: Buffer | undefined;
  const unseal = ({ secret }: { secret: Buffer }) => ((sent = secret), (copy = Buffer.from(secret)), { phase: "open" });
  const { exit } = await runIn({ client: { unseal }, env: { S: "hex:" + "ab".repeat(32) } }, "unseal", "--secret", "env:S");
  assert.equal(exit, 0);
  assert.deepEqual(copy, Buffer.alloc(32, 0xab));
  assert.deepEqual(sent, Buffer.alloc(32));
});

test("durations have units, and nonsense is refused", () => {
  assert.deepEqual(["30", "30s", "500ms", "2m"].map(parseTimeout), [30_000, 30_000, 500, 120_000]);
  for (const bad of ["", "0", "-1", "1h30", "abc"]) assert.throws(() => parseTimeout(bad), { code: "INVALID_REQUEST" }, bad);
});
