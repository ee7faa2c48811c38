/**
 * Derivations against published answers and against the `openssl kdf` command.
 *
 * Sources: NIST CAVP "SP800-108 - KDF" (CAVS 14.4, KDFCTR_gen: CTRLOCATION=BEFORE_FIXED, RLEN=32_BITS); RFC 7914 §12;
 * the Argon2 reference implementation's test.c (version 0x13); BLAKE3's test_vectors.json (blake3.json says which).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { DigestName } from "@keystead/contract/algorithms";
import { KDF_NAMES, KDFS, type KdfName } from "@keystead/contract/kdfs";
import type { KdfParams } from "../../lib/crypto/kdf/kdf.ts";
import { kdfs } from "../../lib/crypto/kdf/register.ts";
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";
import { openssl } from "../conformance/openssl.ts";

const generic = mechanisms["Generic-Secret"];
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const derive = async (name: KdfName, secret: Uint8Array, params: KdfParams, size: number): Promise<Buffer> =>
  kdfs[name].derive(secret, params, size);

const CAVP = [
  [
    "counter_hmac",
    "HMAC_SHA256 COUNT=0",
    "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0",
    "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
    "10621342bfb0fd40046c0e29f2cfdbf0",
  ],
  [
    "counter_cmac",
    "CMAC_AES128 COUNT=0",
    "c10b152e8c97b77e18704e0f0bd38305",
    "98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71f497bcc6906b48d36c4",
    "26faf61908ad9ee881b8305c221db53f",
  ],
  [
    "counter_cmac",
    "CMAC_AES128 COUNT=10",
    "695f1b1a16c949cea51cdf2554ec9d42",
    "4fce5942832a390aa1cbe8a0bf9d202cb799e986c9d6b51f45e4d597a6b57f06a4ebfec6467335d116b7f5f9c5b954062f661820f5db2a5bbb3e0625",
    "d34b601ec18c34dfa0f9e0b7523e218bdddb9befe8d08b6c0202d75ace0dba89",
  ],
  [
    "counter_cmac",
    "CMAC_AES256 COUNT=0",
    "d0b1b3b70b2393c48ca05159e7e28cbeadea93f28a7cdae964e5136070c45d5c",
    "dd2f151a3f173492a6fbbb602189d51ddf8ef79fc8e96b8fcbe6dabe73a35b48104f9dff2d63d48786d2b3af177091d646a9efae005bdfacb61a1214",
    "8c449fb474d1c1d4d2a33827103b656a",
  ],
] as const;
for (const [name, what, key, fixed, output] of CAVP) {
  test(`${name}: NIST CAVP ${what}`, async () => {
    const secret = generic.deriver?.secretOf(generic.importKey("raw", hex(key))) ?? assert.fail();
    assert.equal((await derive(name, secret, { info: hex(fixed) }, output.length / 2)).toString("hex"), output);
  });
}

test("scrypt: RFC 7914 §12", async () => {
  for (const [password, salt, cost, parallelism, output] of [
    [
      "password",
      "NaCl",
      1024,
      16,
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    ],
    [
      "pleaseletmein",
      "SodiumChloride",
      16384,
      1,
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ],
  ] as const) {
    const params = { salt: Buffer.from(salt), cost, blockSize: 8, parallelism };
    assert.equal((await derive("scrypt", Buffer.from(password), params, 64)).toString("hex"), output);
  }
});

test("Argon2id: the reference implementation's answers", async () => {
  for (const [iterations, memoryKib, parallelism, password, salt, output] of [
    [2, 65536, 1, "password", "somesalt", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"],
    [2, 256, 1, "password", "somesalt", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"],
    [2, 256, 2, "password", "somesalt", "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"],
  ] as const) {
    const params = { iterations, memoryKib, parallelism, salt: Buffer.from(salt) };
    assert.equal((await derive("argon2id", Buffer.from(password), params, 32)).toString("hex"), output);
  }
});

interface Blake3Vectors {
  readonly key: string;
  readonly context: string;
  readonly cases: readonly { readonly bytes: number; readonly keyed: string; readonly derived: string }[];
}

test("BLAKE3 keyed_hash: every published case", () => {
  const { key: text, cases } = JSON.parse(readFileSync(new URL("blake3.json", import.meta.url), "utf8")) as Blake3Vectors;
  const mechanism = mechanisms["BLAKE3-MAC"];
  const key = mechanism.importKey("raw", Buffer.from(text));
  for (const { bytes, keyed } of cases) {
    const input = Buffer.alloc(bytes).map((_, at) => at % 251) as Buffer;
    assert.equal(mechanism.macer?.mac(key, input, {}).mac.toString("hex"), keyed, `${bytes} bytes`);
    assert.equal(mechanism.macer?.verify(key, input, hex(keyed), {}), true);
  }
});

test("BLAKE3 derive_key: every published case", async () => {
  const { context, cases } = JSON.parse(readFileSync(new URL("blake3.json", import.meta.url), "utf8")) as Blake3Vectors;
  for (const { bytes, derived } of cases) {
    const input = Buffer.alloc(bytes).map((_, at) => at % 251) as Buffer;
    assert.equal((await derive("blake3", input, { context: Buffer.from(context) }, 64)).toString("hex"), derived, `${bytes} bytes`);
  }
  assert.equal(cases.length, 35);
});

interface Sp800Case {
  readonly file: string;
  readonly count: number;
  readonly mode: "feedback" | "pipeline";
  readonly prf: string;
  readonly counted: boolean;
  readonly iv: string;
  readonly key: string;
  readonly fixed: string;
  readonly output: string;
}
const SP800 = JSON.parse(readFileSync(new URL("sp800-108.json", import.meta.url), "utf8")) as { readonly cases: readonly Sp800Case[] };
const CAVP_DIGESTS = { HMAC_SHA256: "SHA-256", HMAC_SHA384: "SHA-384", HMAC_SHA512: "SHA-512" } as const;

for (const mode of ["feedback", "pipeline"] as const)
  test(`${mode} mode: NIST CAVP's cases, with and without a counter`, async () => {
    const cases = SP800.cases.filter((each) => each.mode === mode);
    assert.deepEqual(new Set(cases.map(({ prf }) => prf)).size, 6);
    assert.deepEqual(new Set(cases.map(({ counted }) => counted)).size, 2);
    for (const { file, count, prf, counted, iv, key, fixed, output } of cases) {
      const digest = CAVP_DIGESTS[prf as keyof typeof CAVP_DIGESTS] as DigestName | undefined;
      const name: KdfName = `${mode}_${digest === undefined ? "cmac" : "hmac"}`;
      const params: KdfParams = {
        info: hex(fixed),
        ...(digest === undefined ? {} : { digest }),
        ...(iv === "" ? {} : { salt: hex(iv) }),
        ...(counted ? {} : { withoutCounter: true }),
      };
      kdfs[name].check(params, key.length / 2, output.length / 2);
      const derived = await derive(name, hex(key), params, output.length / 2);
      assert.equal(derived.toString("hex"), output, `${file} ${prf} ${count}`);
      // A derivation uses up nothing that is its caller's.
      assert.deepEqual(await derive(name, hex(key), params, output.length / 2), derived);
    }
  });

/** What `openssl kdf` derives. */
const command = (size: number, ...options: readonly string[]): Buffer => {
  const name = options.at(-1) ?? "";
  const pairs = options.slice(0, -1).flatMap((option) => ["-kdfopt", option]);
  return openssl(["kdf", "-binary", "-keylen", String(size), ...pairs, name]);
};

/** Bytes of an IV that openssl takes: as many as the function gives. */
const kdfBlock = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64, "SHA3-256": 32 } as const;
const DIGESTS = { "SHA-256": "SHA256", "SHA-384": "SHA384", "SHA-512": "SHA512", "SHA3-256": "SHA3-256" } as const;
for (const [digest, name] of Object.entries(DIGESTS) as [keyof typeof DIGESTS & DigestName, string][]) {
  test(`openssl derives the same with ${digest}, for many lengths`, async () => {
    for (const size of [1, 16, 31, 32, 33, 64, 200]) {
      const [secret, salt, info] = [randomBytes(32), randomBytes(20), randomBytes(11)];
      const [key, hexSalt, hexInfo] = [secret, salt, info].map((bytes) => bytes.toString("hex"));
      const about = [`digest:${name}`, `hexinfo:${hexInfo}`];
      assert.deepEqual(
        await derive("hkdf", secret, { digest, salt, info }, size),
        command(size, `hexkey:${key}`, `hexsalt:${hexSalt}`, ...about, "HKDF"),
      );
      assert.deepEqual(await derive("x963", secret, { digest, info }, size), command(size, `hexsecret:${key}`, ...about, "X963KDF"));
      assert.deepEqual(await derive("one_step", secret, { digest, info }, size), command(size, `hexsecret:${key}`, ...about, "SSKDF"));
      assert.deepEqual(
        await derive("counter_hmac", secret, { digest, label: salt, context: info }, size),
        command(size, "mac:HMAC", `hexkey:${key}`, `hexsalt:${hexSalt}`, ...about, "KBKDF"),
      );
      const before = { digest, label: salt, context: info, salt: Buffer.alloc(kdfBlock[digest], 5) };
      assert.deepEqual(
        await derive("feedback_hmac", secret, before, size),
        command(
          size,
          "mac:HMAC",
          "mode:FEEDBACK",
          `hexseed:${before.salt.toString("hex")}`,
          `hexkey:${key}`,
          `hexsalt:${hexSalt}`,
          ...about,
          "KBKDF",
        ),
      );
    }
  });
}

test("openssl derives the same by AES-CMAC with every key size", async () => {
  for (const keyBytes of [16, 24, 32]) {
    for (const size of [16, 17, 64]) {
      const [secret, label, context] = [randomBytes(keyBytes), randomBytes(9), randomBytes(5)];
      const options = [`cipher:AES-${8 * keyBytes}-CBC`, `hexkey:${secret.toString("hex")}`];
      assert.deepEqual(
        await derive("counter_cmac", secret, { label, context }, size),
        command(size, "mac:CMAC", ...options, `hexsalt:${label.toString("hex")}`, `hexinfo:${context.toString("hex")}`, "KBKDF"),
      );
    }
  }
});

test("openssl derives the same from a password, with the parameters that are the defaults here", async () => {
  const [password, salt] = [randomBytes(12), randomBytes(16)];
  const [pass, hexSalt] = [`hexpass:${password.toString("hex")}`, `hexsalt:${salt.toString("hex")}`];
  assert.deepEqual(await derive("pbkdf2", password, { salt }, 32), command(32, pass, hexSalt, "iter:600000", "digest:SHA256", "PBKDF2"));
  assert.deepEqual(
    await derive("scrypt", password, { salt }, 32),
    command(32, pass, hexSalt, "n:131072", "r:8", "p:1", "maxmem_bytes:300000000", "SCRYPT"),
  );
});

// ---- what is refused ----

const PARAM = { code: "MECHANISM_PARAM_INVALID" };
const SALT = Buffer.alloc(16, 1);
const EVERY: Required<KdfParams> = {
  digest: "SHA-256",
  salt: SALT,
  info: SALT,
  label: SALT,
  context: Buffer.from("text"),
  iterations: 600_000,
  memoryKib: 47_104,
  parallelism: 1,
  cost: 2 ** 17,
  blockSize: 8,
  withoutCounter: true,
};
/** What each function cannot do without. */
const NEEDED: Readonly<Partial<Record<KdfName, KdfParams>>> = {
  blake3: { context: Buffer.from("text") },
  pbkdf2: { salt: SALT },
  scrypt: { salt: SALT },
  argon2id: { salt: SALT },
};

for (const name of KDF_NAMES) {
  test(`${name}: takes what its row says and no other parameter`, () => {
    const needed = NEEDED[name] ?? {};
    kdfs[name].check(needed, 16, 32);
    for (const [parameter, value] of Object.entries(EVERY)) {
      const params = { ...needed, [parameter]: name === "argon2id" && parameter === "iterations" ? 2 : value };
      if ((KDFS[name].reads as readonly string[]).includes(parameter)) kdfs[name].check(params, 16, 32);
      else assert.throws(() => kdfs[name].check(params, 16, 32), PARAM, parameter);
    }
    if (NEEDED[name] !== undefined) assert.throws(() => kdfs[name].check({}, 16, 32), PARAM);
    const fromPassword = (KDFS[name].from as readonly string[]).includes("password");
    if (fromPassword) kdfs[name].check(needed, 8, 32);
    else assert.throws(() => kdfs[name].check(needed, 13, 32), PARAM, "less than 112 bits");
  });

  test(`${name}: the same inputs give the same bytes, on memory of their own, and other inputs others`, async () => {
    const params = { ...NEEDED[name], ...(name === "argon2id" ? { memoryKib: 64 } : name === "scrypt" ? { cost: 16 } : { iterations: 2 }) };
    const secret = randomBytes(16);
    const [one, two] = [await derive(name, secret, params, 32), await derive(name, secret, params, 32)];
    assert.deepEqual(one, two);
    assert.equal(one.buffer.byteLength, one.byteLength);
    assert.notDeepEqual(await derive(name, randomBytes(16), params, 32), one);
  });
}

test("work that is too little or too much is refused, to the last unit", () => {
  const refused: readonly (readonly [KdfName, KdfParams])[] = [
    ["pbkdf2", { iterations: 599_999 }],
    ["pbkdf2", { iterations: 5_000_001 }],
    ["pbkdf2", { digest: "SHA-512", iterations: 209_999 }],
    ["pbkdf2", { digest: "SHA3-256", iterations: 600_000 }],
    ["pbkdf2", { salt: Buffer.alloc(15) }],
    ["argon2id", { memoryKib: 65_537 }],
    ["argon2id", { memoryKib: 19_455 }],
    ["argon2id", { iterations: 1, memoryKib: 47_103 }],
    ["argon2id", { iterations: 11 }],
    ["argon2id", { parallelism: 5 }],
    ["argon2id", { salt: Buffer.alloc(15) }],
    ["scrypt", { cost: 2 ** 17 + 1 }],
    ["scrypt", { cost: 2 ** 16 }],
    ["scrypt", { cost: 2 ** 12, parallelism: 16, blockSize: 32 }],
    ["scrypt", { cost: 2 ** 19 }],
    ["scrypt", { blockSize: 33 }],
    ["scrypt", { parallelism: 17 }],
    ["scrypt", { cost: 2 ** 18, blockSize: 32 }],
    ["hkdf", { digest: "BLAKE3" }],
    ["blake3", { context: Buffer.from([0xc3, 0x28]) }],
    ["counter_hmac", { info: SALT, label: SALT }],
    ["counter_cmac", { info: SALT, context: SALT }],
    ["counter_hmac", { withoutCounter: true }],
    ["feedback_hmac", { info: SALT, label: SALT }],
    ["pipeline_hmac", { salt: SALT }],
    ["pipeline_cmac", { digest: "SHA-256" }],
  ];
  for (const [name, params] of refused)
    assert.throws(() => kdfs[name].check({ ...NEEDED[name], ...params }, 16, 32), PARAM, `${name} ${JSON.stringify(params)}`);
  for (const [name, params] of [
    ["pbkdf2", { digest: "SHA-512", iterations: 210_000 }],
    ["pbkdf2", { iterations: 5_000_000 }],
    ["argon2id", { iterations: 2, memoryKib: 19_456 }],
    ["argon2id", { iterations: 10, memoryKib: 65_536, parallelism: 4 }],
    ["scrypt", { cost: 2 ** 13, parallelism: 10 }],
    ["scrypt", { cost: 2 ** 18, parallelism: 2 }],
  ] as const satisfies readonly (readonly [KdfName, KdfParams])[])
    kdfs[name].check({ ...NEEDED[name], ...params }, 8, 32);
  assert.throws(() => kdfs.hkdf.check({}, 32, 255 * 32 + 1), PARAM);
  for (const name of ["counter_cmac", "feedback_cmac", "pipeline_cmac"] as const) assert.throws(() => kdfs[name].check({}, 20, 32), PARAM);
  for (const name of ["feedback_hmac", "pipeline_hmac"] as const) assert.throws(() => kdfs[name].check({}, 13, 32), PARAM);
});

test("Argon2id without room in the secure heap is refused for now, and not an internal error", () => {
  const script = `
    const { argon2id } = await import(${JSON.stringify(new URL("../../lib/crypto/kdf/passwords.ts", import.meta.url).href)});
    const params = { memoryKib: 65536, iterations: 1, salt: Buffer.alloc(16) };
    console.log(await argon2id.derive(Buffer.alloc(8), params, 32).catch((error) => error.code));
  `;
  const flags = ["--secure-heap=1048576", "--secure-heap-min=16", "--input-type=module", "--eval", script];
  assert.equal(execFileSync(process.execPath, flags, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }), "PROVIDER_UNAVAILABLE\n");
});
