/** POST requests over TLS: who is spoken to, and that a connection that was judged is the one that is used. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { addressRule } from "../fetch/addresses.ts";
import { poster, type PostAnswer } from "./post.ts";
import type { Surroundings } from "./sink.ts";
import { certified } from "./testing/certificates.ts";
import { surroundings } from "./testing.ts";

/** A receiver over TLS, certified for localhost and 127.0.0.1. */
async function receiver(t: TestContext, tls: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), "keystead-post-"));
  const { ca, certPath, keyPath } = certified(folder, "receiver.test");
  const got: string[] = [];
  const server = createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath), ...tls }, (asked, reply) => {
    got.push(asked.url ?? "");
    asked.resume().on("end", () => reply.writeHead(204).end());
  }).listen(0);
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  const post = async (host: string, more: Partial<Surroundings>): Promise<PostAnswer> => {
    const sent = poster(`https://${host}:${port}/in`, surroundings({ authorities: [ca], ...more }));
    try {
      return await sent.post({}, Buffer.from("{}"));
    } finally {
      sent.close();
    }
  };
  return { post, got };
}

test("a receiver proves its name by an authority that is trusted, and without that nothing is sent", async (t) => {
  const { post, got } = await receiver(t);
  const mayDial = (): boolean => true;
  const stranger = mkdtempSync(join(tmpdir(), "keystead-post-"));
  t.after(() => rmSync(stranger, { recursive: true, force: true }));
  await assert.rejects(post("localhost", { mayDial, authorities: [certified(stranger, "x").ca] }), {
    code: /VERIFY|SIGNATURE|SELF_SIGNED/,
  });
  await assert.rejects(post("localhost", { mayDial, authorities: [] }), Error);
  // This machine too, and not in the certificate.
  await assert.rejects(post("127.0.0.2", { mayDial }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  assert.deepEqual(got, []);
  assert.equal((await post("localhost", { mayDial })).status, 204);
  assert.equal((await post("127.0.0.1", { mayDial })).status, 204);
  assert.equal(got.length, 2);
});

test("a receiver that speaks nothing newer than TLS 1.1 gets nothing", async (t) => {
  const { post, got } = await receiver(t, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" });
  await assert.rejects(post("localhost", { mayDial: () => true }), Error);
  assert.deepEqual(got, []);
});

test("an address is what it is, however it is written", async (t) => {
  const { post, got } = await receiver(t);
  const outside = addressRule([]);
  for (const host of [
    "127.0.0.1",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.1.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "169.254.169.254",
    "0.0.0.0",
    "[::]",
    "localhost",
    "localhost.",
  ])
    await assert.rejects(post(host, { mayDial: outside, timeoutMs: 2_000 }), { code: /PROVIDER_UNAVAILABLE|ENOTFOUND|EAI_AGAIN/ }, host);
  assert.deepEqual(got, []);
});

test("of several addresses of a name none is dialled that may not be", async (t) => {
  const { post, got } = await receiver(t);
  const judged: string[] = [];
  const mayDial = (address: string): boolean => {
    judged.push(address);
    return address === "127.0.0.1";
  };
  assert.equal((await post("localhost", { mayDial })).status, 204);
  assert.ok(judged.includes("127.0.0.1"));
  await assert.rejects(post("localhost", { mayDial: () => false }), { code: "PROVIDER_UNAVAILABLE" });
  assert.equal(got.length, 1);
});
