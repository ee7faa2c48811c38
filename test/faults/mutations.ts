/**
 * What strangers and members hand in, damaged in every way that chance thinks of: nothing that was changed lets anybody
 * in, and nothing is answered by anything but the one refusal there is for it.
 *
 * Each function hands in so many damaged inputs and returns how many of them were read as far as a decision that is no
 * refusal of form, so that a test can tell that it tests something.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import wabtInit from "wabt";
import type { JwtKeySet } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { createUser } from "@keystead/contract/operations/create-user";
import { login } from "@keystead/contract/operations/login";
import { setPassword } from "@keystead/contract/operations/set-password";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { parsePolicy } from "@keystead/contract/policy/parse";
import { canonicalJson } from "@keystead/crypto/formats/canonical-json";
import { parseSubject, statementBytes, VERDICTS } from "@keystead/crypto/public/approval-statement";
import { parseApproverKey, signatureMatches } from "@keystead/crypto/public/approver-key";
import { verifyAssertion } from "../../lib/crypto/webauthn/assertion.ts";
import { verifyRegistration } from "../../lib/crypto/webauthn/registration.ts";
import { SoftwareAuthenticator } from "../../lib/crypto/webauthn/testing/software-authenticator.ts";
import { FUEL, inject, STACK } from "../../server/scripts/wasm/inject.ts";
import { ModuleRefused } from "../../server/scripts/wasm/bytes.ts";
import { bindingFor, parseAuthorities, prepareBindings, verifyCertificate } from "../../server/vault/authenticate/certificate.ts";
import { opensslAuthority } from "../../server/vault/authenticate/testing/openssl-authority.ts";
import { namedKey, parseKeySet, verifyToken } from "../../server/vault/authenticate/token.ts";
import { CompiledPolicy } from "../../server/vault/authorize/compile.ts";
import { decide } from "../../server/vault/authorize/decide.ts";
import { findRole } from "../../server/vault/authorize/roles.ts";
import { ClockedVault } from "../../server/vault/testing/clocked-vault.ts";
import type { Random } from "./seeded.ts";

type Attack = (rounds: number, random: Random) => Promise<number>;

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2e, 0x30, 0x5c, 0x7b];

/** The bytes with one to four changes: bits, bytes, pieces taken out, put in, doubled or moved, or the end cut off. */
function damaged(original: Uint8Array, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let edits = 1 + random.below(4); edits > 0; edits -= 1) {
    const at = random.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + 1 + random.below(16));
    const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
    switch (random.below(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random.of(INTERESTING);
        break;
      case 2:
        bytes = Buffer.concat([before, after]);
        break;
      case 3:
        bytes = Buffer.concat([before, randomPiece(random), piece, after]);
        break;
      case 4:
        bytes = Buffer.concat([before, piece, piece, after]);
        break;
      case 5:
        bytes = Buffer.concat([after, before, piece]);
        break;
      default:
        bytes = Buffer.from(random.below(8) === 0 ? before : bytes);
    }
  }
  return bytes;
}

const randomPiece = (random: Random): Buffer => Buffer.from(Array.from({ length: 1 + random.below(6) }, () => random.below(256)));
const decoded = (part: string | undefined): string => Buffer.from(part ?? "", "base64url").toString("latin1");
/** base64url has spellings of one value that differ in bits nobody reads. */
const meansTheSame = (token: string, original: string): boolean => {
  const [a, b] = [token.split("."), original.split(".")];
  return a.length === 3 && a[0] === b[0] && a[1] === b[1] && decoded(a[2]) === decoded(b[2]);
};

/** A token damaged in its text, or in what a part of it says. */
function damagedToken(token: string, random: Random): string {
  if (random.below(2) === 0) return damaged(Buffer.from(token, "latin1"), random).toString("latin1");
  const parts = token.split(".");
  const which = random.below(3);
  parts[which] = damaged(Buffer.from(parts[which] as string, "base64url"), random).toString("base64url");
  return parts.join(".");
}

const NOW = Date.parse("2030-01-01T00:00:00Z");
const KEY_SET: JwtKeySet = {
  issuer: "https://issuer.example",
  audience: "keystead",
  leewaySeconds: 30,
  allowedRoles: ["Administrator"],
  namespaces: ["*"],
};

const tokens: Attack = async (rounds, random) => {
  const secret = randomBytes(32);
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ];
  const jwks = [
    { kty: "oct", k: secret.toString("base64url"), kid: "0" },
    ...pairs.map(({ publicKey }, at) => ({ ...publicKey.export({ format: "jwk" }), kid: String(at + 1) })),
  ];
  const set = parseKeySet(JSON.stringify({ keys: jwks }), KEY_SET);
  const signers: [string, KeyObject | Uint8Array][] = [
    ["HS256", secret],
    ["ES256", (pairs[0] as (typeof pairs)[0]).privateKey],
    ["EdDSA", (pairs[1] as (typeof pairs)[0]).privateKey],
    ["RS256", (pairs[2] as (typeof pairs)[0]).privateKey],
  ];
  const good = await Promise.all(
    signers.map(([alg, key], at) =>
      new SignJWT({ roles: ["Administrator"], jti: `id-${at}` })
        .setProtectedHeader({ alg, kid: String(at) })
        .setIssuer(KEY_SET.issuer)
        .setAudience(KEY_SET.audience)
        .setSubject("alice")
        .setExpirationTime(NOW / 1000 + 3600)
        .sign(key),
    ),
  );
  for (const token of good) assert.equal((await verifyToken(token, [set], NOW))?.subject, "alice");
  let wellFormed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const original = random.of(good);
    let token = damagedToken(original, random);
    // Of two good ones, a part of each.
    if (random.below(8) === 0)
      token = original
        .split(".")
        .map((part, at) => (random.below(2) === 0 ? part : (random.of(good).split(".")[at] as string)))
        .join(".");
    if (good.some((one) => meansTheSame(token, one))) continue;
    if (namedKey(token) !== undefined) wellFormed += 1;
    assert.equal(await verifyToken(token, [set], NOW), undefined, JSON.stringify(token));
  }
  return wellFormed;
};

const sessionTokens: Attack = async (rounds, random) => {
  const vault = await ClockedVault.open();
  const [first, password] = [Buffer.from("first password"), Buffer.from("second password")];
  await vault.ask(createUser, { name: "alice", password: Buffer.from(first), roles: ["Auditor"], namespaces: ["*"] });
  const begun = await vault.over(login, { name: "alice", password: Buffer.from(first) });
  await vault.over(
    setPassword,
    { currentPassword: Buffer.from(first), password: Buffer.from(password) },
    { token: begun.tokens?.accessToken ?? "" },
  );
  const { tokens: given } = await vault.over(login, { name: "alice", password: Buffer.from(password) });
  const [access, refresh] = [given?.accessToken ?? "", given?.refreshToken ?? ""];
  assert.equal((await vault.over(whoAmI, {}, { token: access })).principal, "user:alice");
  const peer = { address: "192.0.2.1", thumbprint: "" };
  const { sessions } = vault.identity;
  let wellFormed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const token = damagedToken(access, random);
    if (meansTheSame(token, access)) continue;
    if (token.split(".").length === 3) wellFormed += 1;
    assert.equal(await sessions.principalOf(token, peer), undefined, JSON.stringify(token));
    if (round % 10 > 0) continue;
    const other = damaged(Buffer.from(refresh), random).toString("latin1");
    // What follows a second dot is not read.
    if (other.split(".").slice(0, 2).join(".") === refresh) continue;
    await assert.rejects(sessions.refresh(other, peer), (error: HsmError) => error.code === "UNAUTHENTICATED", JSON.stringify(other));
  }
  assert.equal((await vault.over(whoAmI, {}, { token: access })).principal, "user:alice");
  return wellFormed;
};

const certificates: Attack = async (rounds, random) => {
  const ca = opensslAuthority();
  const authorities = parseAuthorities(ca.pem);
  const extensions = [
    "basicConstraints=critical,CA:FALSE",
    "extendedKeyUsage=clientAuth",
    "subjectAltName=DNS:a.org,email:b@c.org,URI:spiffe://x/y",
  ];
  const { der } = ca.issue({ subject: "/CN=alice", extensions });
  const bound = { roles: ["Administrator"], namespaces: ["*"] };
  const bindings = prepareBindings([
    { principal: "a", match: { commonName: "alice" }, ...bound },
    { principal: "b", match: { sanDns: "a.org" }, ...bound },
    { principal: "c", match: { spiffeId: "spiffe://x/y" }, ...bound },
  ] as never);
  const now = Date.now();
  const good = verifyCertificate(der, authorities, now);
  assert.ok(good !== undefined && bindingFor(good, bindings) !== undefined);
  let parsed = 0;
  for (let round = 0; round < rounds; round += 1) {
    // Most damage breaks the lengths of DER; some must not, or nothing beyond them is tried.
    const changed = random.below(2) === 0 ? damaged(der, random) : Buffer.from(der);
    if (changed.equals(der))
      for (let edits = 1 + random.below(2); edits > 0; edits -= 1) {
        const at = random.below(der.length);
        changed[at] = (changed[at] as number) ^ (1 + random.below(255));
      }
    if (changed.equals(der)) continue;
    if (verifyCertificate(changed, [], now) === undefined && changed.length === der.length) parsed += 1;
    assert.equal(verifyCertificate(changed, authorities, now), undefined, changed.toString("base64"));
  }
  return parsed;
};

const assertions: Attack = async (rounds, random) => {
  const rp = { id: "hsm.example.com", origins: ["https://hsm.example.com"] };
  const holders = await Promise.all(
    (["ES256", "EdDSA", "RS256"] as const).map(async (algorithm) => {
      const authenticator = new SoftwareAuthenticator(rp.id, "https://hsm.example.com", algorithm);
      const challenge = randomBytes(32);
      const registration = authenticator.register(challenge);
      const credential = (await verifyRegistration(challenge, registration, rp))?.credential;
      assert.ok(credential !== undefined);
      const assertion = authenticator.assert(challenge);
      assert.ok((await verifyAssertion(credential, challenge, assertion, rp)) !== undefined);
      return { challenge, registration, credential, assertion };
    }),
  );
  let wellFormed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { challenge, registration, credential, assertion } = random.of(holders);
    const field = random.of(["clientDataJson", "authenticatorData", "signature"] as const);
    const changed = random.below(8) === 0 ? Buffer.from(random.of(holders).assertion[field]) : damaged(assertion[field], random);
    if (!changed.equals(assertion[field])) {
      const found = await verifyAssertion(credential, challenge, { ...assertion, [field]: changed }, rp);
      assert.equal(found, undefined, `${field} ${changed.toString("hex")}`);
      if (field !== "clientDataJson" || changed.includes('"webauthn.get"')) wellFormed += 1;
    }
    if (round % 4 > 0) continue;
    const object = damaged(registration.attestationObject, random);
    // A registration is not signed by anybody: it may be taken, but only as a whole one, for this very id.
    const taken = await verifyRegistration(challenge, { ...registration, attestationObject: object }, rp);
    if (taken !== undefined) assert.equal(taken.credential.id, credential.id);
  }
  return wellFormed;
};

const approvalSignatures: Attack = async (rounds, random) => {
  const subject = {
    approval: "a",
    created: "2030-01-01T00:00:00.000Z",
    expires: "2030-01-01T01:00:00.000Z",
    key: "k",
    namespace: "default",
    operation: "DeleteKey",
    override: { quorum: 1, reason: "", roles: ["Boss"], rule: "override" },
    payload: "00".repeat(32),
    policy: "1",
    request: { key_id: "k" },
    requester: "cert:alice",
    rules: [{ quorum: 2, reason: "", roles: ["KeyAdmin"], rule: "r" }],
    vault: "v",
  };
  const holders = [
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ml-dsa-65"),
  ].map(({ publicKey, privateKey }) => {
    const key = parseApproverKey(publicKey.export({ format: "pem", type: "spki" }) as string);
    const statement = statementBytes(subject, "approve", "seen");
    const signature = sign(key.kind === "ECDSA-P256" ? "sha256" : null, statement, privateKey);
    assert.equal(signatureMatches(key, statement, signature), true);
    return { key, statement, signature };
  });
  const text = Buffer.from(canonicalJson(subject));
  let read = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { key, statement, signature } = random.of(holders);
    const changed = damaged(signature, random);
    if (!changed.equals(signature)) assert.equal(signatureMatches(key, statement, changed), false, changed.toString("hex"));
    const other = damaged(text, random);
    try {
      const understood = parseSubject(other.toString("utf8"));
      read += 1;
      for (const verdict of VERDICTS) {
        const bytes = statementBytes(understood, verdict, "seen");
        if (!bytes.equals(statement)) assert.equal(signatureMatches(key, bytes, signature), false, other.toString("latin1"));
      }
    } catch (error) {
      assert.ok(error instanceof HsmError, String(error));
    }
  }
  return read;
};

const policies: Attack = async (rounds, random) => {
  const text = Buffer.from(
    JSON.stringify({
      format: 1,
      roles: { Signer: { description: "signs", permissions: ["crypto:sign", "key:read"] } },
      groups: { "payments/officers": { members: ["user:alice", "cert:bob"] } },
      bindings: [
        {
          id: "b1",
          members: ["group:payments/officers"],
          roles: ["Signer"],
          namespaces: ["payments"],
          condition: 'request.time.getHours("Europe/Berlin") < 18 && in_range(request.address, "10.0.0.0/8")',
        },
        { id: "b2", members: ["jwt:https://issuer.example:*"], roles: ["KeyUser"], namespaces: ["*"], keys: { ids: ["k1"], tags: ["t"] } },
      ],
      denials: [
        {
          id: "d1",
          members: ["*"],
          permissions: ["key:export"],
          namespaces: ["*"],
          condition: 'key.tags.exists(tag, tag == "kept") || principal.mfa_age > 900',
        },
      ],
      approvals: [{ id: "a1", permissions: ["key:destroy"], namespaces: ["*"], quorum: 2, role: "KeyAdmin", expirySeconds: 60 }],
    }),
  );
  const situation = {
    time: NOW,
    address: "10.0.0.1",
    operation: "Sign",
    namespace: "payments",
    keyId: "k1",
    algorithm: "RSA-2048",
    tags: ["t"],
    principal: "user:eve",
    method: "token",
    secondFactorAt: undefined,
  };
  let compiled = 0;
  for (let round = 0; round < rounds; round += 1) {
    let policy: CompiledPolicy;
    try {
      policy = new CompiledPolicy(parsePolicy(damaged(text, random).toString("utf8"), findRole));
    } catch (error) {
      assert.ok(error instanceof HsmError && error.code === "INVALID_REQUEST", String(error));
      continue;
    }
    compiled += 1;
    for (const id of ["user:eve", "user:alice", "jwt:https://issuer.example:x"])
      decide(policy, {
        asker: { id, permissions: new Set(), namespaces: "all" },
        situation: { ...situation, principal: id },
        needs: ["crypto:sign"],
        listing: false,
        admitted: true,
      });
    // Nobody who is named nowhere has what no rule gives to everybody.
    const eve = {
      asker: { id: "user:eve", permissions: new Set<never>(), namespaces: "all" as const },
      situation,
      needs: ["vault:seal" as const],
      listing: false,
      admitted: true,
    };
    assert.equal(decide(policy, eve).allowed, false);
  }
  return compiled;
};

const PROGRAMS = [
  `(func $f (param i64) (result i64) (if (result i64) (i64.lt_u (local.get 0) (i64.const 2)) (then (local.get 0)) (else (i64.add (call $f (i64.sub (local.get 0) (i64.const 1))) (call $f (i64.sub (local.get 0) (i64.const 2)))))))
   (func (export "run") (param i32 i32) (result i64) (call $f (i64.extend_i32_u (i32.and (local.get 0) (i32.const 31)))))`,
  `(memory 1 4) (data (i32.const 8) "hello") (func (export "run") (param i32 i32) (result i32) (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (local.get 0) (i32.const 64)) (i32.load (i32.const 4)))`,
  `(type $t (func (param i32 i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $a $b) (func $a (type $t) (local.get 0)) (func $b (type $t) (i32.add (local.get 0) (local.get 1)))
   (func (export "run") (param i32 i32) (result i32) (loop $l (br_if $l (i32.eqz (local.get 0)))) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.and (local.get 0) (i32.const 1))))`,
];

const modules: Attack = async (rounds, random) => {
  const wabt = await wabtInit();
  const originals = PROGRAMS.map((text) => Buffer.from(wabt.parseWat("a.wat", `(module ${text})`).toBinary({}).buffer));
  let run = 0;
  for (let round = 0; round < rounds; round += 1) {
    const original = random.of(originals);
    let bytes: Buffer = Buffer.from(original);
    if (random.below(2) === 0) bytes = damaged(original, random);
    else bytes[8 + random.below(bytes.length - 8)] = random.below(256);
    let injected: Uint8Array<ArrayBuffer>;
    try {
      injected = inject(Uint8Array.from(bytes), { maxPages: 16, imports: new Set(), exports: "all" });
    } catch (error) {
      assert.ok(error instanceof ModuleRefused, `${String(error)} ${bytes.toString("hex")}`);
      continue;
    }
    run += 1;
    try {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(injected));
      (exports[FUEL] as WebAssembly.Global).value = 10_000n;
      (exports[STACK] as WebAssembly.Global).value = 65_536;
      (exports["run"] as ((...values: number[]) => unknown) | undefined)?.(1, 2);
    } catch (error) {
      // A trap, or a signature that JavaScript cannot call.
      assert.ok(error instanceof WebAssembly.RuntimeError || error instanceof TypeError, `${String(error)} ${bytes.toString("hex")}`);
    }
  }
  return run;
};

/** Everything that is read before, or in order that, somebody is let in or something is let run. */
export const ATTACKS: Readonly<Record<string, Attack>> = Object.freeze({
  "bearer tokens": tokens,
  "session tokens": sessionTokens,
  "client certificates": certificates,
  "WebAuthn assertions": assertions,
  "approval signatures": approvalSignatures,
  "policy documents": policies,
  "WebAssembly modules": modules,
});
