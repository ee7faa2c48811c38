/** Commands against stand-ins for the client: what is asked, what is printed, and the exit status. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ERRORS, HsmError, type ErrorCode } from "@keystead/client/names";
import { LARGEST_DATA_BYTES } from "./byte-source.ts";
import { newFolder, runIn, type Scene } from "./recording-shell.ts";

const key = {
  namespace: "default",
  keyId: "k",
  algorithm: "Ed25519",
  state: "active",
  version: 2,
  usage: ["sign", "verify"],
  tags: ["a"],
  description: "",
  createdAt: new Date(0),
  updatedAt: new Date(0),
  versions: [{ version: 1, state: "deactivated", createdAt: new Date(0), local: true }],
};
const signature = Buffer.from([0xfb, 0xef, 0xff]);
const signing = {
  sign: ({ keyId, data }: { keyId: string; data: Buffer }) => ({
    signature: Buffer.concat([signature, data]),
    keyId,
    version: 1,
    algorithm: "Ed25519",
  }),
};

test("a signature is a line of base64, hexadecimal with --hex, and raw bytes with --out", async () => {
  assert.equal((await runIn({ client: signing }, "sign", "k", "")).out.toString(), "++//\n");
  assert.equal((await runIn({ client: signing }, "sign", "k", "", "--hex")).out.toString(), "fbefff\n");
  assert.deepEqual((await runIn({ client: signing, stdin: "!" }, "sign", "k", "--out", "-")).out, Buffer.from([0xfb, 0xef, 0xff, 0x21]));
  const cwd = newFolder();
  await runIn({ client: signing, cwd, stdin: "!" }, "sign", "k", "--out", "s");
  assert.deepEqual(readFileSync(join(cwd, "s")), Buffer.from([0xfb, 0xef, 0xff, 0x21]));
});

test("--json prints one document with the contract's field names, at any place on the line", async () => {
  for (const line of [
    ["--json", "sign", "k", ""],
    ["sign", "k", "", "--json"],
    ["sign", "--json", "k", ""],
  ]) {
    const { out } = await runIn({ client: signing }, ...line);
    assert.deepEqual(JSON.parse(out.toString()), { signature: "++//", key_id: "k", version: 1, algorithm: "Ed25519" });
  }
  const { out } = await runIn({ client: { getKey: () => key } }, "keys", "show", "k", "--json");
  const time = "1970-01-01T00:00:00.000Z";
  assert.deepEqual(JSON.parse(out.toString()), {
    namespace: "default",
    key_id: "k",
    algorithm: "Ed25519",
    state: "active",
    version: 2,
    usage: ["sign", "verify"],
    tags: ["a"],
    description: "",
    created_at: time,
    updated_at: time,
    versions: [{ version: 1, state: "deactivated", created_at: time, local: true }],
  });
});

test("a table has a heading and one line per key, without control characters of the server", async () => {
  const answer = { keys: [{ ...key, keyId: "evil\u001b[31m\u0007" }], nextPageToken: "n", total: 9, page: 1, perPage: 1 };
  const { out, err } = await runIn({ client: { listKeys: () => answer } }, "keys", "list");
  const lines = out.toString().split("\n");
  assert.match(lines[0] ?? "", /^KEY +ALGORITHM +STATE/);
  assert.match(lines[1] ?? "", /^evil\ufffd +Ed25519 +active +2 +1970-01-01T00:00:00Z +a$/);
  assert.match(err, /1 of 9 keys.*--page-token n/);
});

test("colours only on a terminal, and never with NO_COLOR", async () => {
  const client = { listNamespaces: () => [] };
  const coloured = async (scene: Scene) => (await runIn({ client, ...scene }, "namespaces", "list")).out.includes("\u001b[1m");
  assert.deepEqual(
    [await coloured({ terminal: true }), await coloured({ terminal: true, env: { NO_COLOR: "1" } }), await coloured({})],
    [true, false, false],
  );
});

test("keys list --all follows the cursor", async () => {
  const pages = [
    { keys: [key], nextPageToken: "n", total: 2 },
    { keys: [key], nextPageToken: "", total: 2 },
  ];
  const asked: unknown[] = [];
  const { out } = await runIn(
    { client: { listKeys: (request: unknown) => (asked.push(request), pages.shift()) } },
    "keys",
    "list",
    "--all",
    "--json",
  );
  assert.equal(JSON.parse(out.toString()).keys.length, 2);
  assert.equal((asked[1] as { pageToken: string }).pageToken, "n");
});

test("an invalid signature or MAC is exit status 1 and an answer, not an error", async () => {
  for (const valid of [true, false]) {
    const answer = () => ({ valid, version: 1 });
    const verified = await runIn({ client: { verify: answer } }, "verify", "k", "x", "--signature", "++//", "--json");
    assert.deepEqual([verified.exit, JSON.parse(verified.out.toString()), verified.err], [valid ? 0 : 1, { valid, version: 1 }, ""]);
    assert.equal((await runIn({ client: { verifyMac: answer } }, "mac", "verify", "k", "x", "--mac", "fb", "--hex")).exit, valid ? 0 : 1);
  }
});

test("`mac KEY` computes a MAC", async () => {
  const client = { generateMac: ({ keyId }: { keyId: string }) => ({ mac: signature, nonce: Buffer.alloc(0), keyId, version: 1 }) };
  const { out, err, exit } = await runIn({ client }, "mac", "k", "x", "--hex");
  assert.deepEqual([out.toString(), err, exit], ["fbefff\n", "", 0]);
});

test("`mac` passes nonce, customisation and length on, and tells the nonce that AES-GMAC needs to verify", async () => {
  const asked: object[] = [];
  const client = {
    generateMac: (request: object) => (asked.push(request), { mac: signature, nonce: Buffer.from("0102", "hex"), keyId: "k", version: 1 }),
    verifyMac: (request: object) => (asked.push(request), { valid: true, version: 1 }),
  };
  const options = ["--nonce", "0102", "--customization", "S", "--mac-bytes", "12"];
  const made = await runIn({ client }, "mac", "k", "x", "--hex", ...options);
  assert.deepEqual([made.out.toString(), made.err, made.exit], ["fbefff\n", "nonce 0102\n", 0]);
  assert.equal((await runIn({ client }, "mac", "verify", "k", "x", "--mac", "fbefff", "--hex", ...options)).exit, 0);
  for (const request of asked as { nonce: Buffer; customization: Buffer; macBytes: number }[])
    assert.deepEqual([request.nonce.toString("hex"), request.customization.toString(), request.macBytes], ["0102", "S", 12]);
  assert.equal((await runIn({ client }, "mac", "k", "x", "--nonce", "0g")).exit, 2);
  assert.equal((await runIn({ client }, "mac", "k", "x", "--mac-bytes", "0")).exit, 2);
});

test("every error code leaves by its own exit status, with its code, and as JSON when asked", async () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const client = { getStatus: () => Promise.reject(new HsmError(code, "because")) };
    const told = await runIn({ client }, "status");
    assert.equal(told.exit, ERRORS[code].exit, code);
    assert.match(told.err, new RegExp(`^keystead: because \\(${code}\\)`));
    const { error } = JSON.parse((await runIn({ client }, "status", "--json")).err);
    assert.deepEqual([error.code, error.number, error.detail], [code, ERRORS[code].number, "because"]);
  }
});

test("an unexpected failure is exit status 10 without a stack", async () => {
  const { exit, err } = await runIn({ client: { getStatus: () => Promise.reject(new TypeError("boom")) } }, "status");
  assert.equal(exit, 10);
  assert.doesNotMatch(err, /\n\s+at /);
});

test("errors say what to do next", async () => {
  const sealed = await runIn({ client: { sign: () => Promise.reject(new HsmError("VAULT_SEALED", "sealed")) } }, "sign", "k", "x");
  assert.match(sealed.err, /keystead unseal --secret REF/);
  const nobody = await runIn({ env: { KEYSTEAD_ENDPOINT: "" } }, "status");
  assert.match(nobody.err, /no credentials: start `npm start` once, or pass --profile/);
});

test("destroying and sealing need --yes without a terminal", async () => {
  let called = 0;
  const client = { deleteKey: () => (called++, { keyId: "k", key }), seal: () => (called++, { phase: "sealed" }) };
  assert.equal((await runIn({ client }, "keys", "delete", "k")).exit, 2);
  assert.equal((await runIn({ client }, "seal")).exit, 2);
  assert.equal(called, 0);
  assert.equal((await runIn({ client }, "keys", "delete", "k", "--yes")).exit, 0);
  assert.equal((await runIn({ client }, "seal", "--yes")).exit, 0);
  assert.equal(called, 2);
});

test("refuses to overwrite without --force, before anything is asked of the server", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "out"), "precious");
  const refused = await runIn({ cwd }, "random", "8", "--out", "out");
  assert.equal(refused.exit, 2);
  assert.equal(refused.connectedWith, undefined);
  assert.equal(readFileSync(join(cwd, "out"), "utf8"), "precious");
  assert.equal(
    (await runIn({ cwd, client: { generateRandom: () => Buffer.from("new") } }, "random", "8", "--out", "out", "--force")).exit,
    0,
  );
  assert.equal(readFileSync(join(cwd, "out"), "utf8"), "new");
});

test("refuses data that does not fit one request without reading it all", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "big"), Buffer.alloc(LARGEST_DATA_BYTES + 1));
  const { exit, err } = await runIn({ cwd, client: signing }, "sign", "k", "--in", "big");
  assert.equal(exit, 2);
  assert.match(err, /REQUEST_TOO_LARGE/);
});

/** Both key operations of envelope encryption, with the data key "wrapped" by turning it around. */
const envelope = {
  generateDataKey: () => {
    const plaintext = Buffer.alloc(32, 7);
    return { plaintext, ciphertext: Buffer.from(plaintext).reverse(), keyId: "k", version: 1 };
  },
  decrypt: ({ ciphertext }: { ciphertext: Uint8Array }) => ({ plaintext: Buffer.from(ciphertext).reverse(), version: 1 }),
};

test("a file goes through encrypt and decrypt, and only a complete authentic one appears", async () => {
  const cwd = newFolder();
  const plaintext = Buffer.alloc(300_000, "keystead");
  writeFileSync(join(cwd, "plain"), plaintext);
  const scene = { cwd, client: envelope };
  assert.equal((await runIn(scene, "encrypt", "k", "--in", "plain", "--out", "sealed", "--associated-data", "v1")).exit, 0);
  assert.equal((await runIn(scene, "decrypt", "k", "--in", "sealed", "--out", "back", "--associated-data", "v1")).exit, 0);
  assert.deepEqual(readFileSync(join(cwd, "back")), plaintext);

  const sealed = readFileSync(join(cwd, "sealed"));
  for (const bad of [
    sealed.subarray(0, -1),
    Buffer.concat([sealed, Buffer.alloc(1)]),
    sealed.with(sealed.length - 3, (sealed.at(-3) ?? 0) ^ 1),
  ]) {
    writeFileSync(join(cwd, "bad"), bad);
    const { exit, err } = await runIn(scene, "decrypt", "k", "--in", "bad", "--out", "lost", "--associated-data", "v1");
    assert.equal(exit, ERRORS.DECRYPTION_FAILED.exit, err);
    assert.equal(existsSync(join(cwd, "lost")), false);
  }
  assert.equal((await runIn(scene, "decrypt", "k", "--in", "sealed", "--out", "lost")).exit, ERRORS.DECRYPTION_FAILED.exit);
  assert.deepEqual(readdirSync(cwd).sort(), ["back", "bad", "plain", "sealed"]);
});

test("encrypt works between pipes and refuses to print binary on a terminal", async () => {
  const { out } = await runIn({ client: envelope, stdin: "through a pipe" }, "encrypt", "k");
  assert.equal((await runIn({ client: envelope, stdin: out }, "decrypt", "k")).out.toString(), "through a pipe");
  assert.equal((await runIn({ client: envelope, stdin: "x", terminal: true }, "encrypt", "k")).exit, 2);
});

test("the progress bar is drawn on a terminal only", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "plain"), Buffer.alloc(100_000));
  assert.match(
    (await runIn({ cwd, client: envelope, terminal: true }, "encrypt", "k", "--in", "plain", "--out", "a")).err,
    /100% {2}97.7 KiB of 97.7 KiB/,
  );
  assert.equal((await runIn({ cwd, client: envelope }, "encrypt", "k", "--in", "plain", "--out", "b")).err, "");
});

test("--direct sends the data itself", async () => {
  const client = {
    encrypt: ({ plaintext }: { plaintext: Buffer }) => ({
      ciphertext: Buffer.from(plaintext).reverse(),
      nonce: Buffer.alloc(0),
      keyId: "k",
      version: 1,
    }),
    decrypt: envelope.decrypt,
  };
  const { out } = await runIn({ client, stdin: "abc" }, "encrypt", "k", "--direct");
  assert.equal(out.toString(), `${Buffer.from("cba").toString("base64")}\n`);
  assert.equal((await runIn({ client, stdin: out }, "decrypt", "k", "--direct")).out.toString(), "abc");
  assert.equal((await runIn({ client, stdin: "abc" }, "encrypt", "k", "--nonce", "00")).exit, 2);
  assert.equal((await runIn({ client, stdin: "abc" }, "encrypt", "k", "--direct", "--nonce", "zz")).exit, 2);
  assert.equal((await runIn({ client, stdin: "abc" }, "encrypt", "k", "--hex")).exit, 2);
});

test("a batch prints a result per item and leaves by the first error's status", async () => {
  const cwd = newFolder();
  writeFileSync(
    join(cwd, "b.json"),
    JSON.stringify({ items: [{ sign: { key_id: "k", data: "eA==" } }, { generate_mac: { key_id: "k", text: "x" } }] }),
  );
  let items: unknown;
  const batch = (request: { items: unknown }) => (
    (items = request.items),
    [{ sign: { signature, keyId: "k", version: 1, algorithm: "Ed25519" } }, { error: new HsmError("KEY_USAGE_FORBIDS", "no") }]
  );
  const { exit, out } = await runIn({ cwd, client: { batch } }, "batch", "b.json", "--json");
  assert.deepEqual(items, [
    { sign: { keyId: "k", data: new Uint8Array([0x78]) } },
    { generateMac: { keyId: "k", data: Buffer.from("x") } },
  ]);
  assert.deepEqual(JSON.parse(out.toString()).results[1], { error: { code: "KEY_USAGE_FORBIDS", number: 106, detail: "no" } });
  assert.equal(exit, 6);
  for (const bad of ["{", "{}", '{"items":[{"sign":{},"verify":{}}]}', '{"items":[{"seal":{}}]}', '{"items":[{"sign":{"data":"!"}}]}'])
    assert.equal((await runIn({ stdin: bad }, "batch", "-")).exit, 2, bad);
});

test("audit tail shows the newest events, oldest of them first", async () => {
  const events = [3n, 2n, 1n].map((sequence) => ({
    sequence,
    time: new Date(0),
    principal: "admin",
    action: "Sign",
    keyId: "k",
    decision: "allow",
    outcome: "OK",
    requestId: "r",
  }));
  const client = { getAuditLog: ({ pageSize }: { pageSize: number }) => ({ events: events.slice(0, pageSize), nextPageToken: "" }) };
  const { out } = await runIn({ client }, "audit", "tail", "--lines", "2");
  assert.deepEqual(
    out
      .toString()
      .split("\n")
      .slice(1, 3)
      .map((line) => line[0]),
    ["2", "3"],
  );
  assert.deepEqual(
    JSON.parse((await runIn({ client }, "audit", "tail", "--json")).out.toString()).events.map(
      (event: { sequence: string }) => event.sequence,
    ),
    ["1", "2", "3"],
  );
});

test("what a caller is called reaches no terminal as it is: audit follow shows it in one line", async () => {
  const event = { sequence: 2n ** 40n, time: new Date(0), action: "Sign", keyId: "k", decision: "allow", outcome: "OK", requestId: "r" };
  let asked: unknown;
  const client = {
    streamAuditLog: async function* (request: unknown) {
      asked = request;
      yield { ...event, principal: "jwt:i:a\u001b[2Jb\nc\u009b1md\u202ee" };
    },
  };
  const { out, exit } = await runIn({ client }, "audit", "follow", "--after", String(2 ** 40));
  assert.deepEqual([exit, (asked as { after: bigint }).after], [0, 2n ** 40n]);
  const text = out.toString();
  assert.equal(text.split("\n").length, 2);
  assert.doesNotMatch(text.slice(0, -1), /[\p{Cc}\u202e]/u);
  assert.match(text, /jwt:i:a.*b.*c.*d.*e {2}Sign/);
});

test("keys import recognises PEM and wipes the material", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "k.pem"), ["-----BEGIN", "PRIVATE", "KEY-----\n"].join(" "));
  let got: { keyMaterial: Buffer; format: string } | undefined;
  const client = { importKey: (request: never) => ((got = request), { keyId: "k", key, publicKey: "" }) };
  assert.equal((await runIn({ cwd, client }, "keys", "import", "p-256", "--in", "k.pem")).exit, 0);
  assert.equal(got?.format, "pem");
  assert.ok(got?.keyMaterial.every((byte) => byte === 0));
  assert.equal((await runIn({ client, stdin: "raw" }, "keys", "import", "AES-256-GCM")).exit, 2);
});
