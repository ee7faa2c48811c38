/** encapsulate, decapsulate, agree and derive against stand-ins for the client: what is asked, what is printed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn, type Scene } from "./recording-shell.ts";

const key = {
  namespace: "default",
  keyId: "session",
  algorithm: "AES-256-GCM",
  state: "active",
  version: 1,
  usage: ["encrypt"],
  tags: [],
  description: "",
  versions: [],
};

/** A client that remembers what it was asked and answers with a key, or with a secret when that was asked for. */
function scene(more: Partial<Scene> = {}): { scene: Scene; asked: Record<string, unknown>[]; secret: Buffer } {
  const asked: Record<string, unknown>[] = [];
  const secret = Buffer.from([0xfb, 0xef, 0xff]);
  const answer = (request: Record<string, unknown>): Record<string, unknown> => {
    asked.push(request);
    const result = request["asBytes"] === true ? { secret } : { secret: Buffer.alloc(0), key };
    return { ...result, ciphertext: Buffer.from("ct"), salt: Buffer.from([1, 2]), keyId: "k", version: 3 };
  };
  return {
    scene: { client: { encapsulate: answer, decapsulate: answer, agreeKey: answer, deriveKey: answer } as never, ...more },
    asked,
    secret,
  };
}

test("the secret becomes a managed key with --as, and is printed and wiped with --bytes", async () => {
  const made = scene();
  const { out, exit } = await runIn(made.scene, "encapsulate", "k", "--as", "aes256gcm", "--id", "session", "--usage", "encrypt");
  assert.equal(exit, 0);
  assert.deepEqual(made.asked[0]?.["asKey"], { algorithm: "AES-256-GCM", keyId: "session", sizeBytes: undefined, usage: ["encrypt"] });
  assert.match(out.toString(), /ciphertext\s+Y3Q=\n/);
  assert.match(out.toString(), /key\s+session\n/);
  assert.doesNotMatch(out.toString(), /secret/);
  const bytes = scene({ stdin: "Y3Q=\n" });
  const printed = await runIn(bytes.scene, "decapsulate", "k", "--bytes", "--key-version", "2");
  assert.match(printed.out.toString(), /secret\s+\+\+\/\/\n/);
  assert.deepEqual([bytes.asked[0]?.["ciphertext"], bytes.asked[0]?.["version"]], [Buffer.from("ct"), 2]);
  assert.deepEqual(bytes.secret, Buffer.alloc(3), "wiped");
});

test("without --as and --bytes, or with both, nothing is asked", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "peer"), "peer");
  for (const line of [
    ["encapsulate", "k"],
    ["encapsulate", "k", "--bytes", "--as", "AES-256-GCM"],
    ["decapsulate", "k", "--in", "peer"],
    ["agree", "k", "--peer", "peer"],
    ["agree", "k", "--bytes"],
    ["derive", "k", "--as", "AES-256-GCM"],
    ["derive", "k", "--kdf", "hkdf"],
    ["derive", "k", "--kdf", "md5", "--as", "AES-256-GCM"],
    ["encapsulate", "k", "--as", "nothing"],
    ["derive", "k", "--kdf", "hkdf", "--digest", "MD5", "--as", "AES-256-GCM"],
    ["derive", "k", "--kdf", "hkdf", "--salt", "xyz", "--as", "AES-256-GCM"],
  ]) {
    const made = scene({ cwd });
    assert.equal((await runIn(made.scene, ...line)).exit, 2, line.join(" "));
    assert.deepEqual(made.asked, []);
  }
});

test("the ciphertext of encapsulate goes to --out as bytes, and decapsulate reads it from there", async () => {
  const cwd = newFolder();
  const made = scene({ cwd });
  const { out } = await runIn(made.scene, "encapsulate", "k", "--as", "AES-256-GCM", "--out", "ct");
  assert.deepEqual(readFileSync(join(cwd, "ct")), Buffer.from("ct"));
  assert.doesNotMatch(out.toString(), /ciphertext/);
  await runIn(made.scene, "decapsulate", "k", "--in", "ct", "--as", "AES-256-GCM");
  assert.deepEqual(made.asked[1]?.["ciphertext"], Buffer.from("ct"));
});

test("agree sends the peer's file as it is, and the derivation as the options say", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "peer.pem"), "-----BEGIN PUBLIC KEY-----");
  const made = scene({ cwd });
  const line = ["agree", "k", "--peer", "peer.pem", "--kdf", "one-step", "--digest", "sha384", "--info", "hex:00ff", "--as", "AES-256-GCM"];
  assert.equal((await runIn(made.scene, ...line)).exit, 0);
  assert.deepEqual(made.asked[0]?.["peerPublicKey"], Buffer.from("-----BEGIN PUBLIC KEY-----"));
  const { function: name, digest, info, salt } = made.asked[0]?.["derivation"] as Record<string, unknown>;
  assert.deepEqual([name, digest, info, salt], ["one_step", "SHA-384", Buffer.from([0, 255]), undefined]);
});

test("derive prints the salt that the vault drew, and sends every parameter", async () => {
  const made = scene();
  const numbers = ["--iterations", "2", "--memory-kib", "20000", "--parallelism", "1"];
  const { out } = await runIn(
    made.scene,
    "derive",
    "k",
    "--kdf",
    "argon2id",
    "--salt",
    "0102",
    ...numbers,
    "--as",
    "Generic-Secret",
    "--size",
    "64",
  );
  assert.match(out.toString(), /salt\s+0102\n/);
  assert.deepEqual(JSON.parse(JSON.stringify(made.asked[0]?.["derivation"])), {
    function: "argon2id",
    salt: { type: "Buffer", data: [1, 2] },
    iterations: 2,
    memoryKib: 20000,
    parallelism: 1,
  });
  assert.equal((made.asked[0]?.["asKey"] as { sizeBytes: number }).sizeBytes, 64);
});

test("hpke seal writes the encapsulated key and the ciphertext as one message, and open sends it back as one", async () => {
  const asked: Record<string, unknown>[] = [];
  const client = {
    hpkeSeal: (request: Record<string, unknown>) => {
      // What was read is wiped after the call.
      asked.push({ ...request, plaintext: Buffer.from(request["plaintext"] as Buffer) });
      return { encapsulatedKey: Buffer.from("enc"), ciphertext: Buffer.from("ct"), keyId: "k", version: 1 };
    },
    hpkeOpen: (request: Record<string, unknown>) => {
      asked.push(request);
      return { plaintext: Buffer.from("hello"), keyId: "k", version: 1 };
    },
  } as never;
  const cwd = newFolder();
  const about = ["--info", "i", "--aad", "a", "--kdf", "hkdf-sha512", "--aead", "ChaCha20-Poly1305", "--psk", "p", "--psk-id", "n"];
  assert.equal((await runIn({ client, cwd }, "hpke", "seal", "k", "hello", "--out", "letter", ...about)).exit, 0);
  assert.deepEqual(readFileSync(join(cwd, "letter")), Buffer.from("encct"));
  assert.equal(
    (await runIn({ client, cwd }, "hpke", "open", "k", "--in", "letter", "--key-version", "3", ...about)).out.toString(),
    "hello",
  );
  const expected = {
    keyId: "k",
    info: Buffer.from("i"),
    associatedData: Buffer.from("a"),
    kdf: "hkdf_sha512",
    aead: "chacha20_poly1305",
    pskKeyId: "p",
    pskId: Buffer.from("n"),
  };
  assert.deepEqual(asked, [
    { ...expected, plaintext: Buffer.from("hello") },
    { ...expected, ciphertext: Buffer.from("encct"), version: 3 },
  ]);
  assert.equal((await runIn({ client }, "hpke", "seal", "k", "hello")).out.toString(), "ZW5jY3Q=\n");
  assert.equal((await runIn({ client }, "hpke", "seal", "k", "hello", "--aead", "export-only")).exit, 2);
});
