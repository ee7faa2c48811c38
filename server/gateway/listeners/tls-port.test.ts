import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { test, type TestContext } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { ClientAuth } from "@keystead/contract/config";
import { http2 } from "../testing/http.ts";
import { testCertificates, type TestCertificates } from "../testing/test-certificates.ts";
import { testGateway, type TestGateway } from "../testing/test-gateway.ts";

interface Started extends TestGateway {
  readonly certificates: TestCertificates;
  readonly port: number;
}

async function start(context: TestContext, clientAuth: ClientAuth): Promise<Started> {
  const certificates = testCertificates(context);
  const { certPath, keyPath, caPath } = certificates;
  const gateway = await testGateway(
    context,
    { GetStatus: () => ({ phase: "open" }) },
    {
      api: { host: "127.0.0.1", port: 0, clientAuth },
      developmentGrpc: undefined,
      health: undefined,
      metrics: undefined,
      developmentRest: false,
      tls: { certPath, keyPath, caPath, reloadSeconds: 0 },
    },
  );
  return { ...gateway, certificates, port: Number(gateway.address("api").split(":")[1]) };
}

/** Phase over HTTP/1.1. */
const ask = (port: number, options: object): Promise<number> =>
  new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path: "/api/v1/status", agent: false, servername: "localhost", ...options }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    })
      .on("error", reject)
      .end();
  });

/** A finished handshake and the certificate the server showed. */
async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ...options });
  await once(socket, "secureConnect");
  return socket;
}

test("one TLS port carries HTTP/2 and HTTP/1.1, and both pass on the client's certificate", async (context) => {
  const { certificates, port, vault } = await start(context, "required");
  const { ca, client } = certificates;
  assert.equal(await ask(port, { ca, ...client }), 200);
  const session = connectHttp2(`https://localhost:${port}`, { ca, ...client });
  assert.equal((await http2(session, "/api/v1/status")).status, 200);
  session.close();
  const der = new X509Certificate(client.cert).raw;
  for (const { evidence } of vault.seen) {
    assert.ok(evidence.certificate.equals(der));
    assert.equal(evidence.listener, 1);
  }
  assert.equal(vault.seen.length, 2);
});

test("where a certificate is required, none and a stranger's are refused in the handshake", async (context) => {
  const { certificates, port, vault } = await start(context, "required");
  await assert.rejects(ask(port, { ca: certificates.ca }));
  await assert.rejects(ask(port, { ca: certificates.ca, ...certificates.stranger }));
  assert.equal(vault.seen.length, 0);
});

test("where a certificate is optional, whatever was presented is evidence, for the vault to refuse", async (context) => {
  const { certificates, port, vault } = await start(context, "optional");
  const { ca, client, stranger } = certificates;
  assert.deepEqual([await ask(port, { ca }), await ask(port, { ca, ...stranger }), await ask(port, { ca, ...client })], [200, 200, 200]);
  assert.deepEqual(
    vault.seen.map(({ evidence }) => evidence.certificate.length > 0),
    [false, true, true],
  );
});

test("a certificate is evidence on a resumed session too", async (context) => {
  const { certificates, port, vault } = await start(context, "required");
  const options = { ca: certificates.ca, ...certificates.client, ALPNProtocols: ["http/1.1"] };
  const first = await handshake(port, options);
  const [ticket] = (await once(first, "session")) as [Buffer];
  first.destroy();
  const second = await handshake(port, { ...options, session: ticket });
  assert.equal(second.isSessionReused(), true);
  second.write("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  second.resume();
  await once(second, "close");
  assert.ok(vault.seen[0]?.evidence.certificate.equals(new X509Certificate(certificates.client.cert).raw));
});

test("TLS 1.2 and unknown protocols are refused", async (context) => {
  const { certificates, port } = await start(context, "none");
  const { ca } = certificates;
  await assert.rejects(handshake(port, { ca, maxVersion: "TLSv1.2" }));
  await assert.rejects(handshake(port, { ca, ALPNProtocols: ["spdy/3"] }));
  const socket = await handshake(port, { ca });
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
});

test("new files are taken over, broken ones leave the old in force and are told", async (context) => {
  const { certificates, port, gateway, lines } = await start(context, "none");
  const { ca } = certificates;
  const shown = async (): Promise<string> => {
    const socket = await handshake(port, { ca });
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  };
  assert.equal(await shown(), "first");
  certificates.renew("second");
  gateway.reloadTls();
  assert.equal(await shown(), "second");
  writeFileSync(certificates.certPath, "no certificate");
  gateway.reloadTls();
  assert.equal(await shown(), "second");
  assert.match(lines.at(-1) ?? "", /"level":"warn".*old ones stay in force/);
});

test("a handshake under way does not hold up the end", async (context) => {
  const { port, gateway } = await start(context, "none");
  const silent = connectPlain(port, "127.0.0.1");
  silent.on("error", () => undefined);
  await once(silent, "connect");
  await gateway.drain();
  if (!silent.destroyed) await once(silent, "close");
});
