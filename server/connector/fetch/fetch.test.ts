import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { FetchQuestion } from "@keystead/channel/fetch-call";
import { HsmError } from "@keystead/contract/errors";
import { addressRule } from "./addresses.ts";
import { fetcher, type FetchOptions } from "./fetch.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const LOCAL = addressRule(["127.0.0.1"]);
const asking = (origins: readonly string[], more: Partial<FetchOptions> = {}): ReturnType<typeof fetcher> =>
  fetcher({ origins, mayDial: LOCAL, authorities: [], now: () => performance.now(), ...more });
const question = (url: string, more: Partial<FetchQuestion> = {}): FetchQuestion => ({ url, maxBytes: 1000, timeoutMs: 5000, ...more });
const unavailable =
  (what: RegExp) =>
  (error: unknown): boolean =>
    error instanceof HsmError && error.code === "PROVIDER_UNAVAILABLE" && what.test(error.detail);

test("what is there comes back whole, with how long it may be kept", async (t) => {
  const origin = await serve(t, (asked, reply) => {
    assert.equal(asked.headers["accept-encoding"], "identity");
    reply.setHeader("cache-control", "public, max-age=300").setHeader("age", "20").end(`${asked.method} ${asked.url}`);
  });
  const { body, maxAgeSeconds } = await asking([origin])(question(`${origin}/keys?x=1`));
  assert.deepEqual([body.toString(), maxAgeSeconds], ["GET /keys?x=1", 280]);
});

test("a question with a body is a POST of it", async (t) => {
  const origin = await serve(t, async (asked, reply) => {
    const chunks = await asked.toArray();
    reply.end(`${asked.method} ${asked.headers["content-type"]} ${Buffer.concat(chunks).toString("hex")}`);
  });
  const post = { contentType: "application/ocsp-request", body: Buffer.from("0102", "hex") };
  assert.equal((await asking([origin])(question(origin, { post }))).body.toString(), "POST application/ocsp-request 0102");
});

test("an address outside the configured origins is not asked, however it is written", async (t) => {
  let asked = 0;
  const origin = await serve(t, (_asked, reply) => {
    asked += 1;
    reply.end();
  });
  const { port } = new URL(origin);
  const fetch = asking([`http://idp.example:${port}`]);
  for (const url of [
    origin,
    `http://idp.example@127.0.0.1:${port}/`,
    `http://user:pass@idp.example:${port}/`,
    `https://idp.example:${port}/`,
    "http://idp.example/",
    `http://idp.example.:${port}/`,
    "file:///etc/passwd",
    "//x",
    "",
  ])
    await assert.rejects(fetch(question(url)), unavailable(/not one the configuration names/), url);
  assert.equal(asked, 0);
});

test("a name or an address that leads where nobody allowed is not dialled", async (t) => {
  let asked = 0;
  const origin = await serve(t, (_asked, reply) => {
    asked += 1;
    reply.end();
  });
  const { port } = new URL(origin);
  for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"]) {
    const url = `http://${host}:${port}/`;
    await assert.rejects(
      asking([new URL(url).origin], { mayDial: addressRule([]) })(question(url)),
      unavailable(/may(?: not)? be dialled/),
      host,
    );
  }
  assert.equal(asked, 0);
});

test("a redirect is a failure, wherever it leads", async (t) => {
  const origin = await serve(t, (asked, reply) => {
    if (asked.url === "/there") return void reply.end("secret");
    reply.writeHead(302, { location: "/there" }).end();
  });
  await assert.rejects(asking([origin])(question(`${origin}/here`)), unavailable(/status 302/));
});

test("too many bytes, announced or not, an answer cut short, and an encoding are refused", async (t) => {
  const origin = await serve(t, (asked, reply) => {
    if (asked.url === "/announced") return void reply.writeHead(200, { "content-length": 2000 }).end("x".repeat(2000));
    if (asked.url === "/endless") {
      const more = (): void => void (reply.write("x".repeat(500)) && !reply.destroyed && setImmediate(more));
      return more();
    }
    if (asked.url === "/zipped") return void reply.writeHead(200, { "content-encoding": "gzip" }).end("x");
    reply.writeHead(200, { "content-length": 10 }).write("x", () => reply.destroy());
  });
  for (const path of ["announced", "endless"])
    await assert.rejects(asking([origin])(question(`${origin}/${path}`)), unavailable(/more than 1000 bytes/), path);
  await assert.rejects(asking([origin])(question(`${origin}/zipped`)), unavailable(/encoding/));
  await assert.rejects(asking([origin])(question(`${origin}/cut`)), unavailable(/cannot be asked|broke off/));
});

test("a server that does not answer is waited for no longer than was asked", async (t) => {
  const origin = await serve(t, () => undefined);
  await assert.rejects(asking([origin])(question(origin, { timeoutMs: 50 })), unavailable(/no answer in time|ABORT/));
});

test("a server that changes to another protocol fails at once", async (t) => {
  const origin = await serve(
    t,
    (asked) => void asked.socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
  );
  await assert.rejects(asking([origin])(question(origin, { timeoutMs: 600_000 })), unavailable(/closed the connection/));
});

test("a failure is the answer to the same question for a moment, and several leave the server alone until one attempt succeeds", async (t) => {
  let now = 0;
  let asked = 0;
  let status = 500;
  const origin = await serve(t, (_asked, reply) => {
    asked += 1;
    reply.writeHead(status).end("x");
  });
  const fetch = asking([origin], { now: () => now });
  await assert.rejects(fetch(question(`${origin}/1`)), unavailable(/status 500/));
  await assert.rejects(fetch(question(`${origin}/1`)), unavailable(/status 500/));
  assert.equal(asked, 1);
  await assert.rejects(fetch(question(`${origin}/2`)), unavailable(/status 500/));
  await assert.rejects(fetch(question(`${origin}/3`)), unavailable(/status 500/));
  assert.equal(asked, 3);
  now = 500;
  await assert.rejects(fetch(question(`${origin}/4`)), unavailable(/left alone/));
  assert.equal(asked, 3);
  now = 10_000;
  status = 200;
  assert.equal((await fetch(question(`${origin}/1`))).body.toString(), "x");
  assert.equal((await fetch(question(`${origin}/4`))).body.toString(), "x");
});

test("what is not there does not count against its server", async (t) => {
  const origin = await serve(t, (asked, reply) => void reply.writeHead(asked.url === "/there" ? 200 : 404).end("x"));
  const fetch = asking([origin]);
  for (const path of ["1", "2", "3", "4", "5"]) await assert.rejects(fetch(question(`${origin}/${path}`)), unavailable(/status 404/));
  assert.equal((await fetch(question(`${origin}/there`))).body.toString(), "x");
});

test("the same question by many is asked once", async (t) => {
  let asked = 0;
  const origin = await serve(t, (_asked, reply) => {
    asked += 1;
    setImmediate(() => reply.end("x"));
  });
  const fetch = asking([origin]);
  await Promise.all(Array.from({ length: 50 }, () => fetch(question(origin))));
  assert.equal(asked, 1);
});

test("over TLS the server must prove its name by an authority that is trusted", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-fetch-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificate = (name: string, alternative: string): { cert: Buffer; key: Buffer } => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", ...made, "-subj", `/CN=${name}`, "-addext", `subjectAltName=${alternative}`], {
      stdio: "ignore",
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  };
  const right = certificate("right", "DNS:localhost");
  const wrong = certificate("wrong", "DNS:elsewhere.example");
  const listen = async (files: { cert: Buffer; key: Buffer }): Promise<string> => {
    const server = createTlsServer(files, (_asked, reply) => void reply.end("x")).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  };
  const [good, misnamed] = await Promise.all([listen(right), listen(wrong)]);
  const authorities = [String(right.cert), String(wrong.cert)];
  assert.equal((await asking([good], { authorities })(question(good))).body.toString(), "x");
  await assert.rejects(asking([misnamed], { authorities })(question(misnamed)), unavailable(/ALTNAME/));
  await assert.rejects(asking([good], { authorities: [String(wrong.cert)] })(question(good)), unavailable(/cannot be asked/));
});
