/**
 * What the audit log proves to whoever asks a running server, on every surface, and to whoever has only its public key.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { get, request } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import type { AuditReceipt } from "@keystead/client/audit-receipt";
import { createKeystead, type Keystead } from "@keystead/client/client";
import { HsmError } from "@keystead/client/names";
import { checkReceipt, parseCheckpoint, parseNote, parseVerifierKey, provesConsistency } from "@keystead/client/audit-proofs";
import { ROOT, serve, type RunningServer } from "./running-server.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-proofs-"));
let server: RunningServer;
let keystead: Keystead;

const credential = (name: string): string => readFileSync(join(server.data, "credentials", name), "utf8");

before(async () => {
  server = await serve({ config: { audit: { checkpoint_events: 7, checkpoint_seconds: 1 } } });
  keystead = createKeystead({
    endpoint: server.api,
    ca: credential("ca.pem"),
    cert: credential("admin.pem"),
    key: credential("admin-key.pem"),
  });
});
after(async () => {
  keystead.close();
  assert.equal(await server.stop(), 0);
  rmSync(folder, { recursive: true, force: true });
});

/** Waits for a checkpoint that covers so many events; asking makes more of them. */
async function covered(size: number): Promise<void> {
  for (;;) {
    const { auditCheckpointSize } = await keystead.getStatus();
    if (auditCheckpointSize >= BigInt(size)) return;
  }
}

interface Fetched {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

const fetchTile = (path: string): Promise<Fetched> =>
  new Promise((resolve, reject) => {
    get(
      `${server.api}/api/v1/audit/tiles/${path}`,
      { ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, type: String(response.headers["content-type"]), body: Buffer.concat(parts) }),
        );
      },
    ).once("error", reject);
  });

test("a receipt for an event holds by the public key alone, and not by another's or for another event", async () => {
  await keystead.generateRandom({ sizeBytes: 16 });
  const { events } = await keystead.getAuditLog({ action: "GenerateRandom" });
  const event = events.at(-1);
  assert.ok(event !== undefined);
  await covered(Number(event.sequence));
  const { auditVerifierKey } = await keystead.getStatus();
  const proven = await keystead.proveAuditEvent({ sequence: event.sequence });
  assert.equal(proven.eventHash.toString("hex"), event.hash);
  assert.equal(proven.eventHash.toString("hex"), createHash("sha256").update(event.canonical).digest("hex"));
  assert.equal(proven.verifierKey, auditVerifierKey);
  const key = parseVerifierKey(auditVerifierKey);
  const checked = checkReceipt(proven.receipt, [key]);
  assert.deepEqual([checked.index + 1, checked.entry.toString("hex")], [Number(event.sequence), event.hash]);

  const broken = (change: (text: string) => string): void =>
    assert.throws(() => checkReceipt(change(proven.receipt), [key]), { name: "HsmError" });
  broken((text) => text.replace(/index \d+/, `index ${Number(event.sequence)}`));
  broken((text) => text.replace(/extra \S+/, `extra ${Buffer.alloc(32, 1).toString("base64")}`));
  broken((text) => text.replace(/\n\d+\n/, (size) => `\n${Number(size) + 1}\n`));
  broken((text) => text.split("\n").toSpliced(3, 1).join("\n"));
  broken((text) => text.slice(0, 100));

  const path = join(folder, "receipt");
  writeFileSync(path, proven.receipt);
  writeFileSync(join(folder, "event"), event.canonical);
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, "keystead.cjs"), "audit", "receipt", "verify", ...args], { encoding: "utf8" });
  const good = cli(path, "--key", auditVerifierKey, "--event", join(folder, "event"), "--json");
  assert.equal(good.status, 0, good.stderr);
  assert.equal((JSON.parse(good.stdout) as { sequence: number }).sequence, Number(event.sequence));
  writeFileSync(join(folder, "event"), event.canonical.replace("GenerateRandom", "GenerateRandon"));
  assert.notEqual(cli(path, "--key", auditVerifierKey, "--event", join(folder, "event")).status, 0);
});

test("any two checkpoints are proven to be of one log", async () => {
  await covered(30);
  const { checkpoints } = await keystead.listAuditCheckpoints();
  assert.ok(checkpoints.length >= 3);
  for (const [at, newer] of checkpoints.entries()) {
    const { root, size } = parseCheckpoint(parseNote(newer.note).text);
    assert.deepEqual([BigInt(size), root], [newer.size, newer.root]);
    for (const older of checkpoints.slice(0, at + 1)) {
      const proven = await keystead.proveAuditConsistency({ oldSize: older.size, size: newer.size });
      assert.ok(provesConsistency(Number(older.size), size, older.root, newer.root, proven.proof));
    }
  }
  const page = await keystead.listAuditCheckpoints({ pageSize: 2 });
  assert.equal(page.nextPageToken, String(checkpoints[2]?.size));
  const { eventHashes } = await keystead.getAuditEntries({ fromSequence: 2, limit: 3 });
  assert.deepEqual(
    eventHashes.map((hash) => Buffer.from(hash).toString("hex")),
    (await keystead.getAuditLog({ pageSize: 4 })).events.slice(1).map(({ hash }) => hash),
  );
  await assert.rejects(keystead.proveAuditEvent({ sequence: 2 ** 40 }), { code: "OBJECT_NOT_FOUND" });
  await assert.rejects(keystead.proveAuditEvent({ sequence: 1, size: 2 ** 40 }), { code: "OBJECT_NOT_FOUND" });
  await assert.rejects(keystead.proveAuditConsistency({ oldSize: 5, size: 4 }), { code: "INVALID_REQUEST" });
  await assert.rejects(keystead.getAuditTile({ path: "tile/0/../000" }), { code: "OBJECT_NOT_FOUND" });
});

/** Where the event of one request stands, as the answer's header says it over each surface. */
function receiptOver(surface: "REST" | "Connect" | "gRPC", wanted: string | undefined): Promise<string | undefined> {
  const credentials = { ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
  const asked = wanted === undefined ? {} : { "x-audit-receipt": wanted };
  return new Promise((resolve, reject) => {
    if (surface === "gRPC") {
      const session = connect(server.api, credentials).once("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": "/hsm.HsmService/GetStatus",
        "content-type": "application/grpc+proto",
        te: "trailers",
        ...asked,
      });
      stream.once("response", (headers) => resolve(headers["x-audit-receipt"] as string | undefined));
      stream.once("close", () => session.close());
      stream.resume();
      return stream.end(Buffer.alloc(5));
    }
    const rest = surface === "REST";
    const path = rest ? "/api/v1/status" : "/hsm.HsmService/GetStatus";
    const headers = { ...(rest ? {} : { "content-type": "application/json" }), ...asked };
    const sent = request(`${server.api}${path}`, { method: rest ? "GET" : "POST", headers, ...credentials }, (response) => {
      response.resume();
      response.once("end", () =>
        response.statusCode === 200
          ? resolve(response.headers["x-audit-receipt"] as string | undefined)
          : reject(new Error(`${surface}: ${response.statusCode}`)),
      );
    });
    sent.once("error", reject).end(rest ? undefined : "{}");
  });
}

test("an answer says where its event stands when that was asked for, on every surface", async () => {
  for (const surface of ["REST", "Connect", "gRPC"] as const) {
    assert.equal(await receiptOver(surface, undefined), undefined);
    assert.equal(await receiptOver(surface, "please"), undefined);
    const [sequence = "", hash] = ((await receiptOver(surface, "request")) ?? "").split(" ");
    assert.match(sequence, /^[1-9]\d*$/, surface);
    await covered(Number(sequence));
    assert.equal((await keystead.proveAuditEvent({ sequence: Number(sequence) })).eventHash.toString("hex"), hash);
    const { events } = await keystead.getAuditLog({ order: "newest_first", pageToken: String(Number(sequence) + 1), pageSize: 1 });
    assert.deepEqual([events[0]?.action, events[0]?.hash], ["GetStatus", hash]);
  }
});

test("a refusal says where its event stands to whoever is known, and nothing to a stranger", async () => {
  const answered = (headers: object, credentials: object): Promise<{ status: number; receipt: string | undefined }> =>
    new Promise((resolve, reject) => {
      get(`${server.api}/api/v1/keys/nothing`, { ca: credential("ca.pem"), headers: { ...headers }, ...credentials }, (response) => {
        response.resume();
        const receipt = response.headers["x-audit-receipt"] as string | undefined;
        response.once("end", () => resolve({ status: response.statusCode ?? 0, receipt }));
      }).once("error", reject);
    });
  const admin = { cert: credential("admin.pem"), key: credential("admin-key.pem") };
  const wanted = { "x-audit-receipt": "request" };
  assert.deepEqual(await answered({}, admin), { status: 404, receipt: undefined });
  assert.deepEqual(await answered(wanted, {}), { status: 401, receipt: undefined });
  const { status, receipt = "" } = await answered(wanted, admin);
  assert.equal(status, 404);
  const [sequence, hash] = receipt.split(" ");
  const { events } = await keystead.getAuditLog({ order: "newest_first", pageToken: String(Number(sequence) + 1), pageSize: 1 });
  assert.deepEqual([events[0]?.action, events[0]?.outcome, events[0]?.hash], ["GetKey", "OBJECT_NOT_FOUND", hash]);
});

test("the client tells where each call's event stands, of refusals too, by both protocols, and only when it is to", async () => {
  for (const protocol of ["connect", "grpc"] as const) {
    const receipts: AuditReceipt[] = [];
    const client = createKeystead({
      endpoint: server.api,
      protocol,
      ca: credential("ca.pem"),
      cert: credential("admin.pem"),
      key: credential("admin-key.pem"),
      requestId: `client-${protocol}`,
      onReceipt: (receipt) => receipts.push(receipt),
    });
    await client.generateRandom({ sizeBytes: 8 });
    const refused = await client.getKey({ keyId: "nothing" }).catch((error: unknown) => error as HsmError);
    assert.ok(refused instanceof HsmError);
    for await (const _ of client.streamAuditLog({ after: 0n, untilNow: true, action: "Nothing" })) assert.fail();
    client.close();
    const { events } = await keystead.getAuditLog({ requestId: `client-${protocol}` });
    assert.deepEqual(
      receipts,
      events.map(({ action, sequence, hash }) => ({ operation: action, requestId: `client-${protocol}`, sequence, eventHash: hash })),
    );
    assert.deepEqual(
      receipts.map(({ operation }) => operation),
      ["GenerateRandom", "GetKey", "StreamAuditLog"],
    );
    assert.equal(refused.receipt, `${receipts[1]?.sequence} ${receipts[1]?.eventHash}`);
  }
  const plain = await keystead.getKey({ keyId: "nothing" }).catch((error: unknown) => error as HsmError);
  assert.equal((plain as HsmError).receipt, undefined);
});

test("a command line writes down where its events stand, and a proof can be held to that", async () => {
  const path = join(folder, "receipts");
  const cli = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [join(ROOT, "keystead.cjs"), ...args, "--profile", join(server.data, "credentials", "profile.json"), "--endpoint", server.api],
      {
        encoding: "utf8",
      },
    );
  const made = cli("random", "8", "--audit-receipts", path);
  assert.equal(made.status, 0, made.stderr);
  assert.notEqual(cli("keys", "show", "nothing", "--audit-receipts", path).status, 0);
  const lines = readFileSync(path, "utf8").split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[2]),
    ["GenerateRandom", "GetKey", undefined],
  );
  const [sequence = "", hash = ""] = (lines[0] as string).split(" ");
  await covered(Number(sequence));
  const proven = cli("audit", "prove", sequence, "--hash", hash);
  assert.equal(proven.status, 0, proven.stderr);
  const other = cli(
    "audit",
    "prove",
    sequence,
    "--hash",
    hash.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
  );
  assert.match(other.stderr, /another one.*INTEGRITY_FAILURE/);
  assert.notEqual(cli("random", "8", "--audit-receipts", join(folder, "no", "folder")).status, 0);
});

const noGo = spawnSync("which", ["go"]).status !== 0 && "there is no Go";

test(
  "Go's checksum database reads the log from its tiles and proves every event",
  { skip: process.env["CI"] !== "true" && noGo, timeout: 300_000 },
  async () => {
    await covered(300);
    const log = join(folder, "log");
    const save = async (path: string): Promise<Buffer> => {
      const { status, body } = await fetchTile(path);
      assert.equal(status, 200, path);
      mkdirSync(dirname(join(log, path)), { recursive: true });
      writeFileSync(join(log, path), body);
      return body;
    };
    const note = await save("checkpoint");
    const { size } = parseCheckpoint(parseNote(note.toString("utf8")).text);
    for (const level of ["entries", "0"]) {
      await save(`tile/${level}/000`);
      await save(`tile/${level}/001.p/${size - 256}`);
    }
    await save("tile/1/000.p/1");
    assert.deepEqual(
      [(await fetchTile("checkpoint")).type, (await fetchTile("tile/0/000")).type],
      ["text/plain; charset=utf-8", "application/octet-stream"],
    );
    assert.equal((await fetchTile("tile/0/999")).status, 404);
    const source = join(folder, "source");
    cpSync(join(import.meta.dirname, "transparency-log"), source, { recursive: true });
    const built = spawnSync("go", ["build", "-o", "judge", "."], { cwd: source, encoding: "utf8" });
    assert.equal(built.status, 0, built.stderr);
    const { auditVerifierKey } = await keystead.getStatus();
    const ran = spawnSync(join(source, "judge"), [log, auditVerifierKey], { encoding: "utf8", input: "1\n100\n256\n" });
    assert.equal(ran.status, 0, ran.stderr);
    const verdict = JSON.parse(ran.stdout) as { size: number; inclusion: readonly (readonly string[])[] };
    assert.equal(verdict.size, size);
    const { proof } = await keystead.proveAuditEvent({ sequence: 123, size });
    assert.deepEqual(
      proof.map((hash) => Buffer.from(hash).toString("base64")),
      verdict.inclusion[122],
    );
  },
);
