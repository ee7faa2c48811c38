/** The `keystead` command against a real development server: three processes, TLS with client certificates, SQLite, the audit log. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, createPublicKey, verify as checkSignature, X509Certificate } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newFolder, runIn } from "./recording-shell.ts";

const COMMAND = join(import.meta.dirname, "../../keystead.cjs");
const READY_MS = 180_000;
const folder = newFolder();
// Started by root, the vault has a user of its own, which must get through.
chmodSync(folder, 0o755);
const data = join(folder, "data");
let server: ChildProcess;
let serverSaid = "";
let plaintextGrpc = "";

/** A port nobody listens on at this moment. The profile names the port, so the system cannot choose it later. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

interface Answer {
  readonly exit: number | null;
  readonly out: Buffer;
  readonly err: string;
}

interface Given {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command line in `folder`, where ./data is the server's folder: all of the command but its process, which takes a second to load. */
async function keystead(args: readonly string[], { stdin = "", env = {} }: Given = {}): Promise<Answer> {
  return runIn({ client: "real", cwd: folder, stdin, env: { KEYSTEAD_ENDPOINT: "", ...env } }, ...args);
}

/** The same as a person does, in a process of its own: streams, signals and the exit status are the system's. */
async function keysteadProcess(args: readonly string[], { stdin = "", env = {} }: Given = {}): Promise<Answer> {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, env: { ...process.env, HOME: folder, ...env } });
  const out: Buffer[] = [];
  let err = "";
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => (err += piece.toString("utf8")));
  child.stdin.on("error", () => {}).end(stdin);
  const exit = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exit, out: Buffer.concat(out), err };
}

/** The same with --json, which must succeed. */
async function json(...args: string[]): Promise<Record<string, never>> {
  const { exit, out, err } = await keystead([...args, "--json"]);
  assert.equal(exit, 0, `${args.join(" ")}: ${err}`);
  return JSON.parse(out.toString("utf8"));
}

before(
  async () => {
    const [grpc, api, health, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
    plaintextGrpc = `http://127.0.0.1:${grpc}`;
    server = spawn(
      process.execPath,
      [
        COMMAND,
        "dev",
        "--data-dir",
        data,
        "--port",
        `${grpc}`,
        "--api-port",
        `${api}`,
        "--health-port",
        `${health}`,
        "--metrics-port",
        `${metrics}`,
      ],
      { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
    );
    const hear = (piece: Buffer) => (serverSaid = (serverSaid + piece.toString("utf8")).slice(-20_000));
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    const deadline = Date.now() + READY_MS;
    for (;;) {
      assert.equal(server.exitCode, null, `the server ended:\n${serverSaid}`);
      const { exit, out } = await keystead(["status", "--json", "--timeout", "2s"]);
      if (exit === 0 && JSON.parse(out.toString()).phase === "open") return;
      assert.ok(Date.now() < deadline, `the server is not ready:\n${serverSaid}`);
      await sleep(200);
    }
  },
  { timeout: READY_MS + 10_000 },
);

after(async () => {
  if (server.exitCode === null) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

test("a key is made, listed, shown, rotated and destroyed", async () => {
  assert.equal((await json("keys", "create", "ed25519", "--id", "life", "--tag", "team:a", "--description", "a test"))["key_id"], "life");
  assert.equal((await keysteadProcess(["keys", "create", "Ed25519", "--id", "life"])).exit, 6);
  const list = (await json("keys", "list", "--tag", "team:a")) as unknown as {
    keys: { key_id: string; algorithm: string }[];
    total: number;
  };
  assert.deepEqual(
    list.keys.map((key) => [key.key_id, key.algorithm]),
    [["life", "Ed25519"]],
  );
  assert.match((await keysteadProcess(["keys", "list"])).out.toString(), /^KEY +ALGORITHM[^\n]*\nlife +Ed25519 +active +1/);
  assert.equal((await json("keys", "rotate", "life"))["new_key_id"], "life@v2");
  assert.deepEqual(
    ((await json("keys", "show", "life")) as unknown as { versions: { state: string }[] }).versions.map((version) => version.state).sort(),
    ["active", "deactivated"],
  );
  assert.equal((await keysteadProcess(["keys", "delete", "life", "--yes"])).exit, 0);
  assert.notEqual((await keysteadProcess(["sign", "life", "x"])).exit, 0);
  assert.equal((await keysteadProcess(["keys", "show", "nobody"])).exit, 5);
});

test("a signature verifies here and with OpenSSL, and a changed file does not", async () => {
  await json("keys", "create", "ECDSA-P256", "--id", "signer");
  const file = Buffer.from("the file that is signed");
  writeFileSync(join(folder, "file"), file);
  assert.equal((await keysteadProcess(["sign", "signer", "--in", "file", "--out", "file.sig"])).exit, 0);
  assert.equal((await keysteadProcess(["verify", "signer", "--in", "file", "--signature-file", "file.sig"])).exit, 0);
  assert.equal(
    (await keysteadProcess(["verify", "signer", "--in", "-", "--signature-file", "file.sig"], { stdin: "another file" })).exit,
    1,
  );
  const pem = (await keysteadProcess(["keys", "public", "signer"])).out.toString();
  assert.ok(checkSignature("sha256", file, createPublicKey(pem), readFileSync(join(folder, "file.sig"))));
  const raw = await keysteadProcess(["sign", "signer", "--in", "file", "--format", "raw", "--out", "-"]);
  assert.ok(checkSignature("sha256", file, { key: createPublicKey(pem), dsaEncoding: "ieee-p1363" }, raw.out));
});

test("a context, a pre-hash, a nonce that repeats and a length of salt are part of what is signed", async () => {
  for (const [algorithm, signing, verifying = signing, not = []] of [
    ["Ed448", ["--context", "release"], ["--context", "release"], ["--context", "another"]],
    ["Ed25519", ["--scheme", "prehash"], ["--scheme", "prehash"], []],
    ["ML-DSA-65", ["--context", "release"], ["--context", "release"], []],
    ["Dilithium2", [], [], ["--context", "release"]],
    ["SLH-DSA-SHA2-128f", [], [], ["--context", "release"]],
    ["ML-DSA-65+Ed25519", ["--context", "release"], ["--context", "release"], []],
    ["RSA-2048", ["--salt-bytes", "20"], ["--salt-bytes", "20"], []],
  ] as const) {
    const id = `choosing-${algorithm.replaceAll("+", "-")}`;
    await json("keys", "create", algorithm, "--id", id);
    const { out } = await keystead(["sign", id, "hello", ...signing]);
    const signature = out.toString().trim();
    assert.equal((await keystead(["verify", id, "hello", "--signature", signature, ...verifying])).exit, 0, algorithm);
    assert.equal((await keystead(["verify", id, "hello", "--signature", signature, ...not])).exit, 1, algorithm);
  }
  await json("keys", "create", "secp256k1", "--id", "repeating");
  const once = (await keystead(["sign", "repeating", "hello", "--deterministic"])).out.toString();
  assert.equal((await keystead(["sign", "repeating", "hello", "--deterministic"])).out.toString(), once);
  assert.notEqual((await keystead(["sign", "repeating", "hello"])).out.toString(), once);
  const digest = createHash("sha256").update("hello").digest("hex");
  assert.equal((await keystead(["sign-digest", "repeating", digest, "--deterministic"])).out.toString(), once);
  assert.equal((await keystead(["sign-digest", "repeating", "xyz"])).exit, 2);

  const sized = await json("keys", "create", "HMAC-SHA-256", "--id", "sized", "--size-bytes", "20");
  assert.match(JSON.stringify(sized), /"size_bits":160|"sizeBits":160/);
  assert.equal((await keystead(["keys", "create", "HMAC-SHA-256", "--size-bytes", "0"])).exit, 2);

  const listed = "allowed_mechanisms=RSA-PKCS1-BARE,RSA-PKCS1-DIGEST";
  await json("keys", "create", "RSA-2048", "--id", "bare", "--attribute", listed);
  const info = Buffer.from(`3031300d060960864801650304020105000420${digest}`, "hex");
  writeFileSync(join(folder, "info"), info);
  const bare = await keystead(["sign-raw", "bare", "--in", join(folder, "info"), "--padding", "pkcs1"]);
  assert.equal(bare.out.toString(), (await keystead(["sign-digest", "bare", digest, "--scheme", "pkcs1"])).out.toString());
  assert.match((await keystead(["sign-raw", "bare", "hello", "--padding", "none"])).err.toString(), /not allowed to be used by RSA-RAW/);
  assert.equal((await keystead(["sign-raw", "bare", "hello"])).exit, 2);
});

test("an authority certifies a key, and a request names one", async () => {
  await json("keys", "create", "ECDSA-P384", "--id", "root");
  await json("keys", "create", "Ed25519", "--id", "api");
  const rootWords = [
    "--subject",
    "CN=Root,O=Example",
    "--authority",
    "--path-length",
    "0",
    "--key-usage",
    "key_cert_sign",
    "--days",
    "3650",
  ];
  const made = await keystead(["certificate", "root", ...rootWords, "--out", "root.pem"]);
  assert.equal(made.exit, 0, made.err);
  const leafWords = ["--for", "api", "--issuer-certificate", "root.pem", "--subject", "CN=api", "--dns", "api.example.com", "--ip", "::1"];
  const leaf = await keystead(["certificate", "root", ...leafWords, "--purpose", "server_auth"]);
  assert.equal(leaf.exit, 0, leaf.err);
  const [root, certificate] = [new X509Certificate(readFileSync(join(folder, "root.pem"))), new X509Certificate(leaf.out)];
  assert.ok(certificate.checkIssued(root) && certificate.verify(root.publicKey) && root.verify(root.publicKey) && root.ca);
  assert.equal(certificate.subjectAltName, "DNS:api.example.com, IP Address:0:0:0:0:0:0:0:1");
  assert.ok(certificate.publicKey.equals(createPublicKey((await keystead(["keys", "public", "api"])).out)));
  const request = await keystead(["csr", "api", "--subject", "CN=api", "--dns", "api.example.com", "--out", "api.csr"]);
  assert.equal(request.exit, 0, request.err);
  assert.match(readFileSync(join(folder, "api.csr"), "utf8"), /^-----BEGIN CERTIFICATE REQUEST-----\n/);
  assert.equal((await keystead(["csr", "api"])).exit, 2);
  assert.equal((await keystead(["csr", "api", "--subject", "nobody"])).exit, 2);
});

test("files and small data are encrypted and decrypted, and a changed byte is refused", async () => {
  await json("keys", "create", "AES-256-GCM", "--id", "vaulted");
  const plain = Buffer.alloc(3_000_000, "keystead ");
  writeFileSync(join(folder, "plain"), plain);
  assert.equal((await keysteadProcess(["encrypt", "vaulted", "--in", "plain", "--out", "sealed"])).exit, 0);
  assert.equal((await keysteadProcess(["decrypt", "vaulted", "--in", "sealed", "--out", "back"])).exit, 0);
  assert.deepEqual(readFileSync(join(folder, "back")), plain);
  const sealed = readFileSync(join(folder, "sealed"));
  for (const at of [60, 1_000_000, sealed.length - 1]) {
    writeFileSync(join(folder, "changed"), sealed.with(at, (sealed[at] ?? 0) ^ 0x40));
    assert.equal((await keysteadProcess(["decrypt", "vaulted", "--in", "changed", "--out", "lost"])).exit, 7, `byte ${at}`);
  }
  const { out } = await keysteadProcess(["encrypt", "vaulted", "--direct", "--associated-data", "v1"], { stdin: "small" });
  assert.equal(
    (await keysteadProcess(["decrypt", "vaulted", "--direct", "--associated-data", "v1"], { stdin: out })).out.toString(),
    "small",
  );
  assert.equal((await keysteadProcess(["decrypt", "vaulted", "--direct"], { stdin: out })).exit, 7);
});

test("MACs, digests, random bytes, data keys and batches", async () => {
  await json("keys", "create", "HMAC-SHA-256", "--id", "mac");
  const value = (await keystead(["mac", "mac", "hello", "--hex"])).out.toString().trim();
  assert.equal((await keystead(["mac", "verify", "mac", "hello", "--hex", "--mac", value])).exit, 0);
  assert.equal((await keystead(["mac", "verify", "mac", "hallo", "--hex", "--mac", value])).exit, 1);
  assert.equal((await keystead(["hash", "abc"])).out.toString(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  assert.equal((await keystead(["random", "40", "--out", "-"])).out.length, 40);
  await json("keys", "create", "AES-256-GCM", "--id", "wrapper");
  const dataKey = (await json("data-key", "wrapper")) as unknown as { plaintext: string; ciphertext: string };
  assert.equal(
    (await keystead(["decrypt", "wrapper", "--direct"], { stdin: dataKey.ciphertext })).out.toString("base64"),
    dataKey.plaintext,
  );
  const items = [{ generate_mac: { key_id: "mac", text: "hello" } }, { sign: { key_id: "absent", text: "hello" } }];
  const batch = await keystead(["batch", "-", "--json"], { stdin: JSON.stringify({ items }) });
  const { results } = JSON.parse(batch.out.toString());
  assert.equal(Buffer.from(results[0].generate_mac.mac, "base64").toString("hex"), value);
  assert.deepEqual([results[1].error.code, batch.exit], ["OBJECT_NOT_FOUND", 5]);
});

test("keys are wrapped, unwrapped, exported and imported wrapped, and data is encrypted anew", async () => {
  await json("keys", "create", "AES-256-KWP", "--id", "transport");
  await json("keys", "create", "AES-256-GCM", "--id", "leaving", "--exportable", "plain");
  await json("keys", "create", "AES-256-GCM", "--id", "staying");
  const wrapped = await keystead(["wrap", "transport", "leaving"]);
  assert.equal(wrapped.exit, 0, wrapped.err);
  assert.equal((await keystead(["wrap", "transport", "staying"])).exit, 6);
  const copy = await keystead(["unwrap", "transport", "AES-256-GCM", "--id", "copy", "--exportable", "plain"], { stdin: wrapped.out });
  assert.equal(copy.exit, 0, copy.err);
  assert.equal((await keystead(["unwrap", "transport", "AES-128-GCM"], { stdin: wrapped.out })).exit, 7);
  await json("keys", "create", "AES-256-GCM", "--id", "with-data", "--usage", "wrap", "--usage", "unwrap");
  const bound = await keystead(["wrap", "with-data", "leaving", "--associated-data", "v1"]);
  assert.equal(bound.exit, 0, bound.err);
  const backAgain = ["unwrap", "with-data", "AES-256-GCM"];
  assert.equal((await keystead([...backAgain, "--associated-data", "v2"], { stdin: bound.out })).exit, 7);
  assert.equal((await keystead([...backAgain, "--exportable", "plain", "--associated-data", "v1"], { stdin: bound.out })).exit, 0);
  const [first, second] = [await keystead(["export", "leaving", "--plain"]), await keystead(["export", "copy", "--plain"])];
  assert.deepEqual([first.exit, first.out.toString()], [0, second.out.toString()]);
  assert.equal((await keystead(["export", "leaving"])).exit, 2);
  assert.equal((await keystead(["export", "staying", "--plain"])).exit, 6);

  // Bring your own key: for the public half of a key that may unwrap.
  await json("keys", "create", "RSA-2048", "--id", "byok", "--usage", "unwrap");
  assert.equal((await keystead(["keys", "public", "byok", "--out", "byok.pem"])).exit, 0);
  assert.equal((await keystead(["export", "leaving", "--for", "byok.pem", "--out", "byok.wrapped"])).exit, 0);
  const imported = [
    "keys",
    "import",
    "AES-256-GCM",
    "--in",
    "byok.wrapped",
    "--wrapped-by",
    "byok",
    "--id",
    "mine",
    "--exportable",
    "plain",
  ];
  assert.equal((await keystead(imported)).exit, 0);
  assert.equal((await keystead(["export", "mine", "--plain"])).out.toString(), first.out.toString());
  const oaep = ["--mechanism", "rsa_oaep", "--digest", "SHA-384"];
  assert.equal((await keystead(["export", "leaving", "--for", "byok.pem", ...oaep, "--out", "oaep.wrapped"])).exit, 0);
  assert.equal((await keystead(["unwrap", "byok", "AES-256-GCM", "--in", "oaep.wrapped", ...oaep])).exit, 0);
  assert.equal((await keystead(["unwrap", "byok", "AES-256-GCM", "--in", "oaep.wrapped"])).exit, 7);

  const sealed = (await keystead(["encrypt", "staying", "--direct"], { stdin: "small" })).out;
  await json("keys", "rotate", "staying");
  const anew = await keystead(["rewrap", "staying", "--json"], { stdin: sealed });
  const { ciphertext, version, source_version: sourceVersion } = JSON.parse(anew.out.toString());
  assert.deepEqual([version, sourceVersion], [2, 1]);
  assert.equal((await keystead(["decrypt", "staying", "--direct"], { stdin: ciphertext })).out.toString(), "small");
  const moved = await keystead(["rewrap", "staying", "--to", "copy"], { stdin: sealed });
  assert.equal((await keystead(["decrypt", "leaving", "--direct"], { stdin: moved.out })).out.toString(), "small");
  assert.equal((await keystead(["rewrap", "staying"], { stdin: Buffer.alloc(40).toString("base64") })).exit, 7);
});

test("a key is copied and never to do more, kept in memory alone, and found by what PKCS#11 shows of it", async () => {
  await json("keys", "create", "AES-256-GCM", "--id", "first", "--attribute", "id=c0ffee");
  const copy = await json("keys", "copy", "first", "--id", "twin", "--usage", "decrypt");
  assert.deepEqual([copy.key?.["key_id"], copy.key?.["usage"]], ["twin", ["decrypt"]]);
  assert.equal((await keystead(["keys", "copy", "twin", "--usage", "encrypt"])).exit, 2);
  const sealed = (await keystead(["encrypt", "first", "--direct"], { stdin: "small" })).out;
  assert.equal((await keystead(["decrypt", "twin", "--direct"], { stdin: sealed })).out.toString(), "small");
  const shown = async (hex: string): Promise<string[]> =>
    ((await json("keys", "find", "--shown-id", hex)).keys ?? []).map(({ key_id: id }: { key_id: string }) => id);
  assert.deepEqual(await shown("c0ffee"), ["first"]);
  assert.deepEqual(await shown(Buffer.from("twin").toString("hex")), ["twin"]);
  assert.equal((await keystead(["keys", "create", "AES-256-GCM", "--attribute", "id=c0ffee"])).exit, 6);
  const { key_id: keyId = "", key } = (await json("keys", "create", "AES-256-GCM", "--session-key")) as {
    key_id?: string;
    key?: { session_key?: boolean };
  };
  assert.equal(key?.session_key, true);
  assert.match((await keystead(["keys", "show", keyId])).out.toString(), /session key +yes/);
  assert.equal((await keystead(["encrypt", keyId, "--direct"], { stdin: "small" })).exit, 0);
  assert.doesNotMatch((await keystead(["keys", "list"])).out.toString(), /session-/);
  assert.equal((await keystead(["keys", "delete", keyId, "--yes"])).exit, 0);
  assert.equal((await keystead(["keys", "show", keyId])).exit, 5);
});

test("a minted token is enough, within its role and namespace", async () => {
  await json("namespaces", "create", "tenant");
  await json("keys", "create", "Ed25519", "--id", "theirs", "--namespace", "tenant");
  await json("keys", "create", "Ed25519", "--id", "ours");
  const profile = JSON.parse(readFileSync(join(data, "credentials/profile.json"), "utf8"));
  const minted = await keystead(["token", "mint", "--subject", "build", "--role", "KeyUser", "--namespace", "tenant"]);
  assert.equal(minted.exit, 0, minted.err);
  writeFileSync(join(folder, "bearer.json"), JSON.stringify({ endpoint: profile.endpoint, ca: profile.ca }));
  const asBearer = (...args: string[]) =>
    keystead([...args, "--profile", "bearer.json", "--token", "env:BEARER"], { env: { BEARER: minted.out.toString().trim() } });
  const signed = await asBearer("sign", "theirs", "x", "--namespace", "tenant");
  assert.equal(signed.exit, 0, signed.err);
  assert.notEqual((await asBearer("sign", "ours", "x", "--namespace", "default")).exit, 0);
  assert.equal((await asBearer("keys", "create", "Ed25519", "--namespace", "tenant")).exit, 4);
  assert.equal((await keystead(["keys", "list", "--profile", "bearer.json"])).exit, 3);
  assert.equal(
    (await keystead(["keys", "list", "--profile", "bearer.json", "--token", "env:BEARER"], { env: { BEARER: "e30.e30.x" } })).exit,
    3,
  );
});

test("the plaintext listener of the development preset answers too", async () => {
  const { exit, err } = await keysteadProcess(["status", "--endpoint", plaintextGrpc]);
  assert.equal(exit, 0, err);
});

test("every use is in the audit log, under the request id that was given, refusals too", async () => {
  await json("keys", "create", "Ed25519", "--id", "watched");
  assert.equal((await keystead(["sign", "watched", "x", "--request-id", "ticket-1"])).exit, 0);
  assert.notEqual((await keystead(["encrypt", "watched", "--direct", "--request-id", "ticket-2"], { stdin: "x" })).exit, 0);
  const { events } = (await json("audit", "tail", "--key", "watched")) as unknown as {
    events: { action: string; request_id: string; outcome: string }[];
  };
  const of = (id: string) => events.filter((event) => event.request_id === id).map((event) => [event.action, event.outcome === "OK"]);
  assert.deepEqual(of("ticket-1"), [["Sign", true]]);
  assert.deepEqual(of("ticket-2"), [["Encrypt", false]]);
});

test("a sealed vault refuses, says what to do, and opens again with its secret", async () => {
  await json("keys", "create", "Ed25519", "--id", "resting");
  assert.equal((await json("seal", "--yes"))["phase"], "sealed");
  const refused = await keystead(["sign", "resting", "x"]);
  assert.equal(refused.exit, 9);
  assert.match(refused.err, /keystead unseal --secret REF/);
  const opened = await keystead(["unseal", "--secret", `file:${join(data, "unseal/master.key")}`]);
  assert.equal(opened.exit, 0, opened.err);
  assert.equal((await keystead(["sign", "resting", "x"])).exit, 0);
});

test("the configuration that init writes is valid once its files are in place", async () => {
  assert.equal((await keysteadProcess(["init", "--out", "made.yaml", "--folder", "made"])).exit, 0);
  mkdirSync(join(folder, "made/tls"), { recursive: true });
  mkdirSync(join(folder, "made/unseal"), { mode: 0o700 });
  for (const [from, to] of [
    ["server.pem", "server-cert.pem"],
    ["server-key.pem", "server-key.pem"],
    ["ca.pem", "ca-cert.pem"],
  ] as const)
    cpSync(join(data, "tls", from), join(folder, "made/tls", to));
  writeFileSync(join(folder, "made/unseal/master.key"), Buffer.alloc(32, 3), { mode: 0o600 });
  const { exit, err } = await keysteadProcess(["config", "validate", "--config", "made.yaml"]);
  assert.equal(exit, 0, err);
});

test("a key is led through its whole life by commands", async () => {
  const stateOf = async (...args: string[]): Promise<unknown> =>
    ((await json(...args)) as unknown as { key: { state: unknown } }).key.state;
  assert.equal(
    await stateOf("keys", "create", "HMAC-SHA-256", "--id", "led", "--staged", "--attribute", "label=First", "--attribute", "max_uses=50"),
    "pre_activation",
  );
  assert.equal((await keystead(["mac", "make", "led", "hello"])).exit, 6);
  assert.equal(await stateOf("keys", "activate", "led"), "active");
  const first = (await keystead(["mac", "make", "led", "hello"])).out.toString().trim();
  await json("keys", "rotate", "led", "--reason", "yearly", "--requirement", "PCI DSS", "--expires", "2099-01-31");
  await json("keys", "rollback", "led", "1", "--reason", "devices");
  const { current, versions } = (await json("keys", "versions", "led")) as unknown as {
    current: number;
    versions: { version: number; state: string; promoted_from: number; compliance_requirement: string }[];
  };
  assert.deepEqual(
    [
      current,
      versions.map(({ version, state, promoted_from, compliance_requirement }) => [version, state, promoted_from, compliance_requirement]),
    ],
    [
      3,
      [
        [3, "active", 1, ""],
        [2, "deactivated", 0, "PCI DSS"],
        [1, "deactivated", 0, ""],
      ],
    ],
  );
  assert.match((await keystead(["keys", "versions", "led"])).out.toString(), /3 \(current\) +active/);
  assert.equal((await keystead(["mac", "make", "led", "hello"])).out.toString().trim(), first);
  await json("keys", "update", "led", "--description", "d", "--tag", "a", "--rotate-every", "90d", "--revoke-after", "7d");
  const attributes = (await json("keys", "attributes", "led", "--set", "label=Second")) as unknown as {
    attributes: Record<string, unknown>;
  };
  assert.deepEqual([attributes.attributes["label"], attributes.attributes["max_uses"]], ["Second", "50"]);
  assert.equal((await keystead(["keys", "attributes", "led", "--set", "local=false"])).exit, 2);
  const found = (await json("keys", "find", "label=Second", "usage=mac", "key_type=CKK_GENERIC_SECRET")) as unknown as {
    keys: { key_id: string }[];
  };
  assert.deepEqual(
    found.keys.map(({ key_id }) => key_id),
    ["led"],
  );
  assert.equal(await stateOf("keys", "suspend", "led"), "suspended");
  assert.equal((await keystead(["mac", "make", "led", "hello"])).exit, 6);
  assert.equal(await stateOf("keys", "resume", "led"), "active");
  assert.equal(await stateOf("keys", "deactivate", "led"), "deactivated");
  assert.equal((await keystead(["keys", "revoke", "led", "--reason", "superseded", "--since", "2020-01-01", "--yes"])).exit, 2);
  assert.equal(await stateOf("keys", "revoke", "led", "--reason", "keyCompromise", "--since", "2020-01-01", "--yes"), "compromised");
  assert.match((await keystead(["keys", "show", "led"])).out.toString(), /key_compromise, compromised since 2020-01-01T00:00:00Z/);
  assert.equal((await keystead(["mac", "verify", "led", "hello", "--mac", first])).exit, 0);
  assert.match((await keystead(["keys", "destroy", "led", "--delay", "30d", "--yes"])).out.toString(), /will be destroyed at 20/);
  assert.equal(await stateOf("keys", "cancel-destroy", "led"), "compromised");
  await json("keys", "destroy", "led", "--delay", "0", "--yes");
  // The server's own duty may come first.
  const { exit } = await keystead(["keys", "purge", "led", "--yes"]);
  assert.ok(exit === 0 || exit === 6);
  assert.equal((await json("keys", "show", "led"))["state"], "destroyed");
  await json("keys", "create", "Ed25519", "--id", "asked");
  assert.equal((await keystead(["keys", "approve-purge", "asked", "--yes"])).exit, 6);
});
