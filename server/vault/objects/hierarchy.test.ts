import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { createVault, openVault, parseHeader, type Hierarchy, type UnsealSecret, type VaultHeader } from "./hierarchy.ts";

const RAW = randomBytes(32);
const SECOND = randomBytes(20);
const key = (second?: Buffer, raw = RAW): UnsealSecret => ({
  method: "key",
  secret: Buffer.from(raw),
  second: second === undefined ? undefined : Buffer.from(second),
});
const phrase = (text: string): UnsealSecret => ({ method: "passphrase", secret: Buffer.from(text), second: undefined });
const bytes = ({ kek, recordMacKey, auditMacKey }: Hierarchy): string[] =>
  [kek, recordMacKey, auditMacKey].map((from) => from.export().toString("hex"));
const isZero = (buffer: Buffer | undefined): boolean => buffer === undefined || buffer.every((byte) => byte === 0);

/** One error for everything that is wrong: no reason, no cause. */
function refused(header: VaultHeader, secret: UnsealSecret, what: string): void {
  assert.throws(
    () => openVault(header, secret),
    (error: unknown) =>
      error instanceof HsmError &&
      ["UNAUTHENTICATED", "INTEGRITY_FAILURE"].includes(error.code) &&
      (error.code !== "UNAUTHENTICATED" || error.detail === "the vault cannot be opened with this secret"),
    what,
  );
  assert.ok(isZero(secret.secret) && isZero(secret.second), `${what}: the secret was left in memory`);
}

test("a vault opens with the secret it was made with, to the same keys, and each key is another", () => {
  for (const make of [() => key(), () => key(SECOND), () => phrase("correct horse battery staple")]) {
    const { header, hierarchy } = createVault(make(), new Date());
    const opened = openVault(parseHeader(JSON.stringify(header)), make());
    assert.deepEqual(bytes(opened), bytes(hierarchy));
    assert.equal(new Set(bytes(opened)).size, 3);
  }
  assert.notDeepEqual(bytes(createVault(key(), new Date()).hierarchy), bytes(createVault(key(), new Date()).hierarchy));
});

test("the secret is zeros afterwards, whether it opened anything or not", () => {
  const made = key(SECOND);
  const { header } = createVault(made, new Date());
  const used = key(SECOND);
  openVault(header, used);
  for (const secret of [made, used]) assert.ok(isZero(secret.secret) && isZero(secret.second));
  const short: UnsealSecret = { method: "key", secret: Buffer.alloc(31, 1), second: undefined };
  assert.throws(() => createVault(short, new Date()), { code: "INVALID_REQUEST" });
  assert.ok(isZero(short.secret));
});

test("a wrong secret, a wrong method, a missing or needless second secret have one answer", () => {
  const { header } = createVault(key(), new Date());
  const { header: withSecond } = createVault(key(SECOND), new Date());
  const { header: byPhrase } = createVault(phrase("correct horse"), new Date());
  refused(header, key(undefined, randomBytes(32)), "another key");
  for (let bit = 0; bit < 256; bit += 37) {
    const near = Buffer.from(RAW);
    near[bit >> 3] = (near[bit >> 3] as number) ^ (1 << (bit & 7));
    refused(header, key(undefined, near), `bit ${bit}`);
  }
  refused(header, key(SECOND), "a needless second secret");
  refused(withSecond, key(), "no second secret");
  refused(withSecond, key(randomBytes(20)), "another second secret");
  refused(header, phrase("correct horse"), "a passphrase for a key");
  refused(header, key(undefined, Buffer.alloc(31)), "a short key");
  refused(byPhrase, key(), "a key for a passphrase");
  refused(byPhrase, phrase("correct horsf"), "another passphrase");
});

test("a damaged header is refused, however it is damaged", () => {
  const { header } = createVault(key(), new Date());
  const { header: byPhrase } = createVault(phrase("correct horse"), new Date());
  const attempt = (text: string, secret: UnsealSecret, what: string): void => {
    let parsed: VaultHeader;
    try {
      parsed = parseHeader(text);
    } catch (error) {
      assert.equal((error as HsmError).code, "INTEGRITY_FAILURE");
      return;
    }
    refused(parsed, secret, what);
  };
  for (const name of Object.keys(header) as (keyof VaultHeader)[]) {
    if (name === "createdAt") continue;
    for (const value of [undefined, null, "", 0, 7, true, {}, "x", header.salt.replace(/./, (first) => (first === "A" ? "B" : "A"))]) {
      if (value === header[name]) continue;
      attempt(JSON.stringify({ ...header, [name]: value }), key(), `${name} = ${JSON.stringify(value)}`);
    }
  }
  const sealed = Buffer.from(header.sealedRoot, "base64");
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    attempt(JSON.stringify({ ...header, sealedRoot: changed.toString("base64") }), key(), `byte ${at} of the sealed root`);
  }
  for (const argon2 of [
    { memoryKiB: 8, passes: 1, parallelism: 16 },
    { memoryKiB: 64, passes: 1.5, parallelism: 1 },
    { memoryKiB: "64", passes: 1, parallelism: 1 },
    { memoryKiB: 64, passes: 1, parallelism: 1 },
    { memoryKiB: 1e9, passes: 1, parallelism: 1 },
    {},
    null,
    7,
  ]) {
    attempt(JSON.stringify({ ...byPhrase, argon2 }), phrase("correct horse"), `argon2 = ${JSON.stringify(argon2)}`);
  }
  for (const text of ["", "{", "null", "[]", "7", '"x"', JSON.stringify(header).slice(0, -1)])
    assert.throws(() => parseHeader(text), { code: "INTEGRITY_FAILURE" });
});
