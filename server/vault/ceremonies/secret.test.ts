import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { HsmError } from "@keystead/contract/errors";
import { requireStrength } from "@keystead/crypto/password-strength";
import { configuredSecret, decodeSecret, readSecret } from "./secret.ts";

function fileWith(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-secret-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "secret"), content);
  return join(folder, "secret");
}

function inEnvironment(t: TestContext, value: string | undefined): string {
  const name = `KEYSTEAD_TEST_${randomBytes(6).toString("hex").toUpperCase()}`;
  if (value !== undefined) process.env[name] = value;
  t.after(() => {
    delete process.env[name];
  });
  return name;
}

/** INVALID_REQUEST that names the reference and never shows the value. */
const refusal =
  (reference: string, value = "\u0000"): ((error: unknown) => boolean) =>
  (error) =>
    error instanceof HsmError && error.code === "INVALID_REQUEST" && error.detail.startsWith(reference) && !error.detail.includes(value);

test("a secret is read from a file, a descriptor and the environment, without one newline at its end", (t) => {
  for (const [kept, secret] of [
    ["s3cret", "s3cret"],
    ["s3cret\n", "s3cret"],
    ["s3cret\r\n", "s3cret"],
    ["s3cret\n\n", "s3cret\n"],
    ["\ns3cret", "\ns3cret"],
    ["s3cret\r", "s3cret\r"],
    [" s ", " s "],
    ["pässwörd", "pässwörd"],
  ] as const) {
    const path = fileWith(t, kept);
    assert.equal(readSecret(`file:${path}`, {}).toString(), secret);
    const fd = openSync(path, "r");
    assert.equal(readSecret("fd:9", { 9: fd }).toString(), secret);
    assert.throws(() => closeSync(fd), { code: "EBADF" });
    const name = inEnvironment(t, kept);
    assert.equal(readSecret(`env:${name}`, {}).toString(), secret);
    assert.equal(name in process.env, false, "the variable is still there");
  }
});

test("what is empty, missing, a folder, too long or not passed on is refused by its reference", (t) => {
  for (const empty of ["", "\n", "\r\n"]) {
    const path = fileWith(t, empty);
    assert.throws(() => readSecret(`file:${path}`, {}), refusal(`file:${path}`));
    const name = inEnvironment(t, empty);
    assert.throws(() => readSecret(`env:${name}`, {}), refusal(`env:${name}`));
  }
  const gone = inEnvironment(t, undefined);
  assert.throws(() => readSecret(`env:${gone}`, {}), refusal(`env:${gone}`));
  const path = fileWith(t, Buffer.alloc(8192, 65));
  assert.equal(readSecret(`file:${path}`, {}).length, 8192);
  const long = fileWith(t, Buffer.alloc(8193, 65));
  assert.throws(() => readSecret(`file:${long}`, {}), refusal(`file:${long}`, "AAAA"));
  assert.throws(() => readSecret(`file:${path}.none`, {}), refusal(`file:${path}.none`));
  assert.throws(() => readSecret(`file:${join(path, "..")}`, {}), refusal("file:"));
  assert.throws(() => readSecret("fd:9", {}), refusal("fd:9"));
});

test("hex and base64 text decode to their bytes; anything else is taken as it is; the input is wiped", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), (value) => {
      const bytes = Buffer.from(value);
      const base64 = bytes.toString("base64");
      for (const text of [
        `hex:${bytes.toString("hex")}`,
        `hex:${bytes.toString("hex").toUpperCase()}`,
        `base64:${base64}`,
        `base64:${base64.replaceAll("=", "")}`,
      ]) {
        const input = Buffer.from(text);
        assert.ok(decodeSecret(input).equals(bytes), text);
        assert.ok(input.every((byte) => byte === 0));
      }
    }),
  );
  for (const raw of ["hexa:00", "HEX:00", "base64", "Base64:AA==", "\u00ff\u0000"])
    assert.equal(decodeSecret(Buffer.from(raw, "latin1")).toString("latin1"), raw);
});

test("text that is not what it says is refused without being shown, and wiped", () => {
  for (const text of [
    "hex:",
    "hex:0",
    "hex:abc",
    "hex:0g",
    "hex:00 11",
    "hex:0x00",
    "base64:",
    "base64:=",
    "base64:A",
    "base64:AAAAA",
    "base64:AA-_",
    "base64:AA AA",
    "base64:AA==AA",
    "base64:AAAA====",
    "base64:A===",
  ]) {
    const input = Buffer.from(text);
    assert.throws(
      () => decodeSecret(input),
      (error: unknown) => error instanceof HsmError && error.code === "INVALID_REQUEST" && error.detail === "the secret is not well-formed",
      text,
    );
    assert.ok(
      input.every((byte) => byte === 0),
      text,
    );
  }
});

const PASSPHRASES: readonly (readonly [string, number, boolean, boolean])[] = [
  ["short", 8, false, false],
  ["12345678", 8, false, true],
  ["1234567", 8, false, false],
  ["ääääääää", 8, false, true],
  ["äää", 4, false, false],
  ["💥💥", 3, false, false],
  ["onlylowercase", 8, true, false],
  ["lowerUPPER", 8, true, false],
  ["lowerUPPER1", 8, true, true],
  ["lower 1", 7, true, true],
  ["LOWER_1", 7, true, true],
  ["1234!?", 6, true, false],
  ["nineteen characters", 8, true, false],
  ["twenty characters ok", 8, true, true],
  ["aaaaaaaaaaaaaaaaaaaa", 8, true, true],
];
for (const [text, minLength, strong, good] of PASSPHRASES) {
  test(`'${text}' is ${good ? "" : "not "}enough for ${minLength} characters${strong ? " and strength" : ""}`, () => {
    const attempt = (): void => requireStrength(Buffer.from(text), { minLength, strong }, "passphrase");
    if (good) attempt();
    else
      assert.throws(
        attempt,
        (error: unknown) => error instanceof HsmError && error.code === "INVALID_REQUEST" && !error.detail.includes(text),
      );
  });
}

test("the configured secret is decoded for keys, and taken as typed for passphrases", (t) => {
  const raw = randomBytes(32);
  const key = inEnvironment(t, `hex:${raw.toString("hex")}\n`);
  const second = inEnvironment(t, "base64:AAEC");
  assert.deepEqual(configuredSecret({ method: "key", masterKey: `env:${key}`, hmacKey: `env:${second}` }, {}), {
    method: "key",
    secret: raw,
    second: Buffer.from([0, 1, 2]),
  });
  const phrase = inEnvironment(t, "hex:00");
  assert.deepEqual(configuredSecret({ method: "passphrase", passphrase: `env:${phrase}`, hmacKey: undefined }, {}), {
    method: "passphrase",
    secret: Buffer.from("hex:00"),
    second: undefined,
  });
  assert.equal(configuredSecret({ method: "none" }, {}), undefined);
});
