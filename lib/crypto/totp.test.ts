import assert from "node:assert/strict";
import { test } from "node:test";
import { base32, matchingStep, totpCode, totpStep, totpUri, type TotpDigest } from "./totp.ts";

/** RFC 6238, Appendix B: seconds since the epoch, and the code by each digest of its own seed. */
const RFC_6238: readonly (readonly [seconds: number, sha1: string, sha256: string, sha512: string])[] = [
  [59, "94287082", "46119246", "90693936"],
  [1_111_111_109, "07081804", "68084774", "25091201"],
  [1_111_111_111, "14050471", "67062674", "99943326"],
  [1_234_567_890, "89005924", "91819424", "93441116"],
  [2_000_000_000, "69279037", "90698825", "38618901"],
  [20_000_000_000, "65353130", "77737706", "47863826"],
];
const seed = (bytes: number): Buffer => Buffer.from("1234567890".repeat(7).slice(0, bytes), "latin1");

test("codes are those of RFC 6238, by every digest", () => {
  for (const [seconds, ...codes] of RFC_6238)
    for (const [index, digest] of (["sha1", "sha256", "sha512"] as TotpDigest[]).entries())
      assert.equal(
        totpCode(seed([20, 32, 64][index] as number), totpStep(seconds * 1000), 8, digest),
        codes[index],
        `${seconds} ${digest}`,
      );
});

test("codes of HOTP are those of RFC 4226, Appendix D", () => {
  const codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
  for (const [count, code] of codes.entries()) assert.equal(totpCode(seed(20), count), code);
});

test("a code is taken one step early and one late, and no other; never again, nor one before it", () => {
  const now = 1_234_567_890_000;
  const secret = seed(20);
  const present = totpStep(now);
  for (let step = present - 4; step <= present + 4; step += 1) {
    const expected = Math.abs(step - present) <= 1 ? step : undefined;
    assert.equal(matchingStep(secret, totpCode(secret, step), now, -1), expected, String(step - present));
  }
  assert.equal(matchingStep(secret, totpCode(secret, present), now, present), undefined);
  assert.equal(matchingStep(secret, totpCode(secret, present - 1), now, present), undefined);
  assert.equal(matchingStep(secret, totpCode(secret, present + 1), now, present), present + 1);
});

test("what is no code of six digits matches nothing", () => {
  const now = 1_234_567_890_000;
  const code = totpCode(seed(20), totpStep(now));
  for (const wrong of ["", "x", code.slice(1), `${code}0`, ` ${code}`, code.replace(/^./, "x"), "xxxxxx", "☃".repeat(6)])
    assert.equal(matchingStep(seed(20), wrong, now, -1), undefined, wrong);
});

test("base32 is that of RFC 4648, without padding", () => {
  for (const [text, encoded] of [
    ["", ""],
    ["f", "MY"],
    ["fo", "MZXQ"],
    ["foo", "MZXW6"],
    ["foob", "MZXW6YQ"],
    ["fooba", "MZXW6YTB"],
    ["foobar", "MZXW6YTBOI"],
  ] as const)
    assert.equal(base32(Buffer.from(text)), encoded);
});

test("the link for apps holds issuer, account and secret, escaped", () => {
  const uri = new URL(totpUri(Buffer.from("foobar"), "Key stead:1", "alice?x"));
  assert.equal(uri.protocol, "otpauth:");
  assert.equal(uri.pathname, "/Key%20stead%3A1:alice%3Fx");
  assert.deepEqual(Object.fromEntries(uri.searchParams), {
    secret: "MZXW6YTBOI",
    issuer: "Key stead:1",
    algorithm: "SHA1",
    digits: "6",
    period: "30",
  });
});
