import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { ocspRequest, readOcspResponse } from "@keystead/crypto/x509/ocsp";
import { parseAuthorities, verifyCertificate, type CheckedCertificate } from "./certificate.ts";
import { OcspSource } from "./ocsp-source.ts";
import type { RevocationStatus } from "./revocation.ts";
import { opensslAuthority, type Issued } from "./testing/openssl-authority.ts";

const ca = opensslAuthority();
const authorities = parseAuthorities(ca.pem);
const [kept, taken] = [ca.issue(), ca.issue()];
ca.revoke(taken);
const RESPONDER = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=OCSPSigning"];
const responder = ca.issue({ subject: "/CN=Responder", extensions: RESPONDER });
const checked = ({ der }: Issued): CheckedCertificate => verifyCertificate(der, authorities, Date.now()) as CheckedCertificate;
const NDAYS = ["-ndays", "1"];

interface Asking {
  readonly source: OcspSource;
  readonly seen: { asked: number; failures: string[] };
}
function asking(answer: (question: Buffer) => Buffer | Promise<Buffer>, keepMs = 600_000): Asking {
  const seen: Asking["seen"] = { asked: 0, failures: [] };
  const source = new OcspSource({
    ask: async (question) => {
      seen.asked += 1;
      return answer(question);
    },
    keepMs,
    failed: (error) => seen.failures.push(error.detail),
  });
  return { source, seen };
}
const statusOf = async (answer: (question: Buffer) => Buffer, who = kept, now = Date.now()): Promise<RevocationStatus> =>
  asking(answer).source.status(checked(who), now);

test("the answers of openssl ocsp are understood: signed by the authority, or by the responder that it certified", async () => {
  for (const signer of [undefined, responder]) {
    assert.equal(await statusOf((question) => ca.respond(question, signer, ...NDAYS)), "good");
    assert.equal(await statusOf((question) => ca.respond(question, signer, ...NDAYS), taken), "revoked");
    assert.equal(await statusOf((question) => ca.respond(question, signer)), "good");
    assert.equal(await statusOf((question) => ca.respond(question, signer, "-resp_key_id", ...NDAYS)), "good");
  }
});

test("openssl reads our question", () => {
  const path = join(ca.folder, "question.der");
  writeFileSync(path, ocspRequest({ serial: checked(kept).facts.serial, issuer: authorities[0]!.facts }, Buffer.alloc(16, 7)));
  const text = execFileSync("openssl", ["ocsp", "-reqin", path, "-req_text"], { encoding: "utf8" });
  assert.match(text, new RegExp(`Serial Number: ${checked(kept).facts.serial}`, "i"));
  assert.match(text, /OCSP Nonce:/);
});

test("an answer by somebody the authority did not certify for it is no answer", async () => {
  const client = ca.issue({ subject: "/CN=Client" });
  const other = opensslAuthority();
  const foreign = other.issue({ subject: "/CN=Responder", extensions: RESPONDER });
  for (const signer of [client, foreign, other]) {
    const { source, seen } = asking((question) => ca.respond(question, signer, ...NDAYS));
    assert.equal(await source.status(checked(kept), Date.now()), "unknown");
    assert.match(seen.failures.join(), /neither the authority nor its responder signed/);
  }
});

test("an answer to an earlier question, about another certificate, out of its dates, or that is none is no answer", async () => {
  let recorded: Buffer | undefined;
  await statusOf((question) => (recorded = ca.respond(question, undefined, ...NDAYS)));
  assert.equal(await statusOf(() => recorded as Buffer), "unknown", "a replayed answer");
  const another = ocspRequest({ serial: checked(taken).facts.serial, issuer: authorities[0]!.facts }, Buffer.alloc(16));
  assert.equal(await statusOf(() => ca.respond(another, undefined, ...NDAYS)), "unknown", "another certificate");
  const day = 86_400_000;
  for (const now of [Date.now() + 2 * day, Date.now() - day])
    assert.equal(await statusOf((question) => ca.respond(question, undefined, ...NDAYS), kept, now), "unknown", "out of its dates");
  assert.equal(await statusOf((question) => ca.respond(question), kept, Date.now() + 3_600_000), "unknown", "old, without an end");
  // unauthorized, in an OCSPResponse
  for (const bytes of [Buffer.alloc(0), Buffer.from("30030a0106", "hex"), Buffer.from("30030a0100", "hex"), Buffer.from("no answer")])
    assert.equal(await statusOf(() => bytes), "unknown", bytes.toString("hex"));
});

test("an answer to a question without a nonce counts inside its dates", async () => {
  const [subject, path] = [{ serial: checked(kept).facts.serial, issuer: authorities[0]!.facts }, join(ca.folder, "plain.der")];
  execFileSync("openssl", ["ocsp", "-no_nonce", "-issuer", ca.certPath, "-cert", kept.certPath, "-reqout", path]);
  const answer = readOcspResponse(
    ca.respond(readFileSync(path), undefined, ...NDAYS),
    subject,
    authorities[0]!.certificate,
    Buffer.alloc(16),
    Date.now(),
  );
  assert.deepEqual([answer.status, answer.nonceMatches], ["good", undefined]);
});

test("an answer is used for its time, asked for again ahead of its end without waiting, and many wait for one question", async () => {
  let fails = false;
  const { source, seen } = asking((question) => {
    if (fails) throw new Error("down");
    return ca.respond(question, undefined, ...NDAYS);
  }, 100_000);
  const now = Date.now();
  const many = await Promise.all(Array.from({ length: 20 }, () => source.status(checked(kept), now)));
  assert.deepEqual([[...new Set(many)], seen.asked], [["good"], 1]);
  assert.equal(source.status(checked(kept), now + 49_000), "good");
  assert.equal(seen.asked, 1);
  fails = true;
  assert.equal(source.status(checked(kept), now + 51_000), "good", "somebody waited");
  assert.equal(seen.asked, 2);
  await new Promise((done) => setImmediate(done));
  assert.equal(source.status(checked(kept), now + 99_000), "good", "what is known does not end by a failure");
  await new Promise((done) => setImmediate(done));
  assert.equal(await source.status(checked(kept), now + 110_000), "unknown");
});

test("who was taken back stays so when the responder is silent", async () => {
  let silent = false;
  const { source, seen } = asking((question) => {
    if (silent) throw new Error("down");
    return ca.respond(question, undefined, ...NDAYS);
  }, 1000);
  assert.equal(await source.status(checked(taken), Date.now()), "revoked");
  silent = true;
  assert.equal(await source.status(checked(taken), Date.now() + 10_000_000), "revoked");
  assert.equal(seen.asked, 1);
});

test("a mutated answer is never good news, and never crashes the reader", () => {
  const nonce = Buffer.alloc(16, 9);
  const subject = { serial: checked(taken).facts.serial, issuer: authorities[0]!.facts };
  const answer = ca.respond(ocspRequest(subject, nonce), responder, ...NDAYS);
  fc.assert(
    fc.property(fc.nat(answer.length - 1), fc.nat(254), (at, by) => {
      const changed = Buffer.from(answer);
      changed[at] = (changed[at] as number) ^ (by + 1);
      try {
        assert.notEqual(readOcspResponse(changed, subject, authorities[0]!.certificate, nonce, Date.now()).status, "good");
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
