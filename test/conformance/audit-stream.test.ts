/**
 * Following the audit log on a real server: over gRPC, Connect and Server-Sent Events, with the rights of the moment, to an
 * end that is said.
 */
import assert from "node:assert/strict";
import { request as tlsRequest } from "node:https";
import { after, before, test } from "node:test";
import { fromBinary, create, toBinary } from "@bufbuild/protobuf";
import { Client, Metadata, credentials, type ClientReadableStream, type ServiceError } from "@grpc/grpc-js";
import { createKeystead } from "@keystead/client/client";
import {
  Algorithm,
  StreamAuditLogRequestSchema,
  StreamAuditLogResponseSchema,
  type StreamAuditLogResponse,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { operationByName } from "@keystead/contract/operations/register";
import { serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, http, type Door, type Reply } from "./surfaces.ts";
import { mint } from "./tokens.ts";

let server: RunningServer;
let admin: Door;
let open: Door;

const row = (name: string) => operationByName(name) as NonNullable<ReturnType<typeof operationByName>>;
async function given(name: string, request: object, door: Door = admin): Promise<Reply> {
  const answer = await ask("gRPC", door, row(name), request as never);
  assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
  return answer.reply;
}
const sign = (keyId = "signer", namespace = ""): Promise<Reply> => given("Sign", { keyId, namespace, data: Buffer.from("x") });

before(async () => {
  server = await serve({ config: { audit: { max_streams: 32 } } });
  open = { origin: server.api, ca: server.credential("ca.pem") };
  admin = { ...open, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  await given("GenerateKey", { keyId: "signer", algorithm: Algorithm.Ed25519 });
  await given("CreateNamespace", { namespace: "tenant-a" });
  await given("GenerateKey", { namespace: "tenant-a", keyId: "theirs", algorithm: Algorithm.Ed25519 });
});
after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

const tokenDoor = async (claims: object): Promise<Door> => ({
  ...open,
  token: await mint(server.credential("token-key.pem"), claims as never),
});

interface Stream {
  readonly answers: StreamAuditLogResponse[];
  /** Resolves when what came so far fits. */
  until(fits: (answers: readonly StreamAuditLogResponse[]) => boolean): Promise<void>;
  /** The gRPC status it ended with. */
  readonly ended: Promise<{ readonly code: number; readonly detail: string }>;
  cancel(): void;
}

const sockets: Client[] = [];
after(() => {
  for (const client of sockets) client.close();
});

/** A server-streaming call by grpc-js. */
function follow(door: Door, init: Parameters<typeof create<typeof StreamAuditLogRequestSchema>>[1]): Stream {
  const bytesOf = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  const client = new Client(new URL(door.origin).host, credentials.createSsl(bytesOf(door.ca), bytesOf(door.key), bytesOf(door.cert)));
  sockets.push(client);
  const metadata = new Metadata();
  if (door.token !== undefined) metadata.set("authorization", `Bearer ${door.token}`);
  for (const [name, value] of Object.entries(door.headers ?? {})) metadata.set(name, value);
  const call: ClientReadableStream<StreamAuditLogResponse> = client.makeServerStreamRequest(
    "/hsm.HsmService/StreamAuditLog",
    (value: Uint8Array) => Buffer.from(value),
    (value: Buffer) => fromBinary(StreamAuditLogResponseSchema, value),
    Buffer.from(toBinary(StreamAuditLogRequestSchema, create(StreamAuditLogRequestSchema, init))) as never,
    metadata,
  );
  const answers: StreamAuditLogResponse[] = [];
  const waiting: { fits: (answers: readonly StreamAuditLogResponse[]) => boolean; found: () => void; lost: (error: Error) => void }[] = [];
  let over: Error | undefined;
  const lose = (error: Error): void => {
    over = error;
    for (const waiter of waiting) waiter.lost(error);
  };
  const ended = new Promise<{ code: number; detail: string }>((resolve) => {
    call.on("error", (error: ServiceError) => {
      lose(error);
      resolve({ code: error.code, detail: error.details });
    });
    call.on("end", () => {
      lose(new Error(`the stream ended after ${answers.length} answers`));
      resolve({ code: 0, detail: "" });
    });
  });
  call.on("data", (answer: StreamAuditLogResponse) => {
    answers.push(answer);
    for (const waiter of waiting.filter(({ fits }) => fits(answers))) {
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.found();
    }
  });
  return {
    answers,
    ended,
    until: (fits) =>
      fits(answers)
        ? Promise.resolve()
        : over !== undefined
          ? Promise.reject(over)
          : new Promise((found, lost) => waiting.push({ fits, found, lost })),
    cancel: () => call.cancel(),
  };
}

const eventsOf = (answers: readonly StreamAuditLogResponse[]) => answers.flatMap(({ events }) => events);
const opened = (answers: readonly StreamAuditLogResponse[]): boolean => answers.length > 0;

test("a gRPC stream from now on shows each event as it comes, once, in order; from a number on it shows what was", async () => {
  const now = follow(admin, { keyId: "signer", action: "Sign" });
  await now.until(opened);
  assert.deepEqual(eventsOf(now.answers), []);
  for (let count = 0; count < 5; count += 1) await sign();
  await now.until((answers) => eventsOf(answers).length === 5);
  const sequences = eventsOf(now.answers).map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => Number(a - b)),
  );
  assert.ok(eventsOf(now.answers).every(({ action, keyId }) => action === "Sign" && keyId === "signer"));
  now.cancel();
  const all = follow(admin, { after: 0n, untilNow: true });
  assert.equal((await all.ended).code, 0);
  assert.deepEqual(
    eventsOf(all.answers).map(({ sequence }) => sequence),
    Array.from({ length: eventsOf(all.answers).length }, (_, index) => BigInt(index + 1)),
  );
  assert.equal(all.answers.at(-1)?.complete, true);
  const rest = follow(admin, { after: sequences[2] as bigint, action: "Sign", untilNow: true });
  await rest.ended;
  assert.deepEqual(
    eventsOf(rest.answers).map(({ sequence }) => sequence),
    sequences.slice(3),
  );
});

test("opening a stream is recorded once, however long it goes on", async () => {
  const stream = follow(admin, { action: "Sign" });
  await stream.until(opened);
  for (let count = 0; count < 3; count += 1) {
    await sign();
    await stream.until((answers) => eventsOf(answers).length > count);
  }
  stream.cancel();
  const before = Number((await given("GetAuditLog", { action: "StreamAuditLog", pageSize: 1000 }))["events"].length);
  await sign();
  assert.equal((await given("GetAuditLog", { action: "StreamAuditLog", pageSize: 1000 }))["events"].length, before);
});

test("an auditor of some namespaces sees those alone, and nothing of the server", async () => {
  const door = await tokenDoor({ roles: ["Auditor"], namespaces: ["tenant-a"], sub: "tenant-auditor" });
  const stream = follow(door, { after: 0n });
  await stream.until((answers) => eventsOf(answers).some(({ keyId }) => keyId === "theirs"));
  await sign();
  await sign("theirs", "tenant-a");
  await stream.until((answers) => eventsOf(answers).some(({ action }) => action === "Sign"));
  assert.ok(eventsOf(stream.answers).every(({ namespace }) => namespace === "tenant-a"));
  stream.cancel();
  const other = follow(door, { namespace: "default" });
  assert.equal((await other.ended).code, 7);
});

test("the stream of a session that was revoked ends, and that is recorded", async () => {
  await given("CreateServiceAccount", { name: "watcher", roles: ["Auditor"], namespaces: ["*"] });
  const { secret_id: secretId } = await given("CreateSecretId", { name: "watcher" });
  const { tokens } = await given("LoginService", { roleId: "watcher", secretId }, open);
  const stream = follow({ ...open, token: tokens.access_token }, { action: "Sign" });
  await stream.until(opened);
  await sign();
  await stream.until((answers) => eventsOf(answers).length === 1);
  await given("RevokeSession", { principal: "service:watcher" });
  await sign();
  assert.equal((await stream.ended).code, 16);
  assert.equal(eventsOf(stream.answers).length, 1, "nothing after the revocation");
  const { events } = await given("GetAuditLog", { action: "StreamAuditLog", outcome: "UNAUTHENTICATED", pageSize: 10 });
  assert.equal(events.length, 1);
});

test("the stream of somebody whose role a policy takes away ends with what they saw before", async () => {
  const door = await tokenDoor({ roles: [], sub: "bound" });
  const set = async (bindings: readonly object[]): Promise<void> => {
    const { policy } = await given("GetPolicy", {});
    await given("SetPolicy", { expectedVersion: policy?.version ?? 0, document: JSON.stringify({ format: 1, bindings }) });
  };
  await set([{ id: "b", members: ["jwt:keystead-local:bound"], roles: ["Auditor"], namespaces: ["default"] }]);
  const stream = follow(door, { namespace: "default", action: "Sign" });
  await stream.until(opened);
  await sign();
  await stream.until((answers) => eventsOf(answers).length === 1);
  await set([]);
  await sign();
  assert.equal((await stream.ended).code, 7);
  assert.equal(eventsOf(stream.answers).length, 1);
});

test("one caller has no more than its share of streams, and a place is free again when one ends", async () => {
  const door = await tokenDoor({ roles: ["Auditor"], namespaces: ["*"], sub: "greedy" });
  const streams = Array.from({ length: 4 }, () => follow(door, {}));
  for (const stream of streams) await stream.until(opened);
  assert.equal((await follow(door, {}).ended).code, 8);
  streams[0]?.cancel();
  for (;;) {
    const again = follow(door, {});
    const which = await Promise.race([
      again.until(opened).then(
        () => "opened",
        () => "refused",
      ),
      again.ended.then(({ code }) => `ended ${code}`),
    ]);
    again.cancel();
    if (which === "opened") break;
    assert.ok(which === "refused" || which === "ended 8", which);
  }
  for (const stream of streams) stream.cancel();
});

test("a stream takes the place of the caller's other one of the same request id, and lives on when that one ends", async () => {
  const door = { ...admin, headers: { "x-request-id": "the-same" } };
  const first = follow(door, { action: "Sign" });
  await first.until(opened);
  const second = follow(door, { action: "Sign" });
  await second.until(opened);
  assert.deepEqual(await first.ended, { code: 1, detail: "the stream has ended: another one of this caller has its request id" });
  await sign();
  await second.until((answers) => eventsOf(answers).length === 1);
  // The former connection's end is noticed at whatever time.
  second.cancel();
  const third = follow(door, { action: "Sign" });
  await third.until(opened);
  await second.ended;
  for (let count = 1; count <= 3; count += 1) {
    await sign();
    await third.until((answers) => eventsOf(answers).length >= count);
  }
  third.cancel();
  // Somebody else's has another place.
  const mine = follow(door, { action: "Sign" });
  await mine.until(opened);
  const theirs = follow({ ...(await tokenDoor({ roles: ["Auditor"], namespaces: ["*"], sub: "other" })), headers: door.headers }, {});
  await theirs.until(opened);
  await sign();
  await Promise.all([mine, theirs].map((stream) => stream.until((answers) => eventsOf(answers).length > 0)));
  for (const stream of [mine, theirs]) stream.cancel();
});

/** Server-Sent Events, as text, until `enough` of it came. */
function events(path: string, headers: Readonly<Record<string, string>>, enough: (text: string) => boolean): Promise<string> {
  const url = new URL(admin.origin);
  return new Promise((resolve, reject) => {
    const outgoing = tlsRequest(
      {
        host: url.hostname,
        port: url.port,
        path,
        ca: admin.ca,
        cert: admin.cert,
        key: admin.key,
        headers: { accept: "text/event-stream", ...headers },
      },
      (incoming) => {
        assert.equal(incoming.headers["content-type"], "text/event-stream");
        let text = "";
        incoming.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
          if (!enough(text)) return;
          resolve(text);
          outgoing.destroy();
        });
        incoming.on("end", () => resolve(text));
      },
    );
    outgoing.on("error", reject).end();
  });
}

const idsOf = (text: string): number[] => [...text.matchAll(/^id: (\d+)\ndata: /gm)].map(([, id]) => Number(id));

test("Server-Sent Events have the sequence number as id, resume after Last-Event-ID, and say how they end", async () => {
  const whole = await events("/api/v1/audit/stream?after=0&until_now=true", {}, () => false);
  assert.match(whole, /event: end\ndata: \{"code":"OK"\}\n\n$/);
  const ids = idsOf(whole);
  assert.deepEqual(
    ids,
    Array.from({ length: ids.length }, (_, index) => index + 1),
  );
  const first = JSON.parse(/^data: (.*)$/m.exec(whole)?.[1] ?? "") as { sequence: string; canonical: string };
  assert.equal(first.sequence, "1");
  assert.equal(JSON.parse(first.canonical).sequence, 1);
  const last = ids.length - 3;
  const rest = await events("/api/v1/audit/stream?after=0&until_now=true", { "last-event-id": String(last) }, () => false);
  assert.equal(idsOf(rest)[0], last + 1);
  const live = events("/api/v1/namespaces/default/audit/stream?key_id=signer", {}, (text) => idsOf(text).length > 0);
  const [text] = await Promise.all([
    live,
    (async () => {
      for (let count = 0; count < 20; count += 1) await sign();
    })(),
  ]);
  assert.equal(idsOf(text).length > 0, true);
});

test("asked for plainly, the first answer is the answer, and no stream stays open", async () => {
  for (let count = 0; count < 20; count += 1) {
    const answer = await http(admin, "GET", "/api/v1/audit/stream?after=0");
    assert.equal(answer.status, 200);
    const { events: some, sequence } = JSON.parse(answer.body.toString()) as { events: { sequence: string }[]; sequence: string };
    assert.equal(some[0]?.sequence, "1");
    assert.ok(Number(sequence) >= some.length);
  }
});

test("the client goes on where it was when the vault was killed and came back, and misses nothing", async () => {
  const keystead = createKeystead({ endpoint: admin.origin, ca: admin.ca, cert: admin.cert, key: admin.key });
  const stop = new AbortController();
  const seen: bigint[] = [];
  const enough = Promise.withResolvers<void>();
  const before = BigInt((await given("GetStatus", {}))["audit_sequence"]);
  const following = (async () => {
    for await (const event of keystead.streamAuditLog({ after: before }, { signal: stop.signal })) {
      seen.push(event.sequence);
      if (event.requestId === "the-last-one") enough.resolve();
    }
  })();
  await sign();
  const records = server.records().length;
  process.kill(server.pids()["vault"] as number, "SIGKILL");
  await server.record((record) => record.part === "vault" && record.message === "unsealed" && server.records().indexOf(record) >= records);
  for (;;) {
    const answer = await ask("gRPC", { ...admin, headers: { "x-request-id": "the-last-one" } }, row("Sign"), {
      keyId: "signer",
      data: Buffer.from("x"),
    } as never);
    if (answer.ok) break;
    assert.equal(answer.code, "PROVIDER_UNAVAILABLE");
  }
  await enough.promise;
  assert.deepEqual(
    seen,
    Array.from({ length: seen.length }, (_, index) => before + BigInt(index + 1)),
  );
  stop.abort();
  await following;
  keystead.close();
});

test("sealing ends every stream, and says so", async () => {
  const stream = follow(admin, {});
  await stream.until(opened);
  const text = events("/api/v1/audit/stream", {}, () => false);
  const other = follow(admin, { action: "Seal" });
  await other.until(opened);
  await given("Seal", {});
  assert.deepEqual([(await stream.ended).code, (await other.ended).code], [9, 9]);
  assert.match(await text, /event: end\ndata: \{"code":"VAULT_SEALED"/);
});
