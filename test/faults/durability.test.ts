import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { newFolder, startInVain, startServer, until, type RestReply, type StartOptions, type TestServer } from "../server.ts";
import { eventsOf, inspect, segmentsOf } from "./inspected.ts";
import { noStrace, strace, type SystemCall } from "./strace.ts";

const O_DSYNC = 0o10000;
const NO_STRACE = noStrace();
const DATA = Buffer.from("what is signed").toString("base64");

async function serverFor(t: TestContext, options: StartOptions = {}): Promise<TestServer> {
  const server = await startServer(options);
  t.after(() => server.stop());
  const made = await server.rest("POST", "/api/v1/keys", { key_id: "signer", algorithm: "Ed25519" });
  assert.equal(made.status, 201);
  return server;
}

/** For the tests that leave it as it was. */
let running: TestServer;
before(async () => {
  running = await startServer();
  assert.equal((await running.rest("POST", "/api/v1/keys", { key_id: "signer", algorithm: "Ed25519" })).status, 201);
});
after(async () => {
  assert.equal(await running.stop(), 0);
});

const sign = (server: TestServer, requestId?: string): Promise<RestReply> =>
  server.rest("POST", "/api/v1/keys/signer/sign", { data: DATA }, requestId === undefined ? {} : { "x-request-id": requestId });

/** The readiness the plain health listener tells. */
function readiness(server: TestServer): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`http://${server.addresses["health"]}/health/ready`, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    }).on("error", reject);
  });
}

async function verified(dataDir: string): Promise<void> {
  for (const what of ["audit", "store"] as const) {
    const { status, problems } = await inspect(what, dataDir);
    assert.deepEqual({ status, problems }, { status: 0, problems: [] }, what);
  }
}

/** Position of the first write to the gateway's descriptor. */
const replyAt = (calls: readonly SystemCall[]): number =>
  calls.findIndex(({ name, args }) => /^(write|writev|sendmsg|sendto)$/.test(name) && /^3<(UNIX|socket|pipe)/.test(args));

test(
  "a Sign: the write to the audit segment, on a descriptor with O_DSYNC, returns before the reply goes to the gateway",
  { skip: NO_STRACE },
  async () => {
    const server = running;
    await sign(server);
    const vault = server.pids().vault as number;
    const trace = await strace(vault, ["-e", "trace=pwrite64,pwritev,pwritev2,write,writev,sendmsg,sendto,fsync,fdatasync,io_uring_enter"]);
    assert.equal((await sign(server, "durable-sign")).status, 200);
    const calls = await trace.stop();
    const shown = JSON.stringify(calls, undefined, 1);
    const recorded = calls.findIndex(
      ({ name, args }) => name === "pwrite64" && args.includes("durable-sign") && /<[^>]*\/audit\.\d{16}>/.test(args),
    );
    assert.notEqual(recorded, -1, shown);
    const reply = replyAt(calls);
    assert.ok(reply > recorded, shown);
    const { args, result } = calls[recorded] as SystemCall;
    assert.ok(Number(result) > 0);
    const fd = /^(\d+)</.exec(args)?.[1];
    const flags = Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${vault}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8);
    assert.equal(flags & O_DSYNC, O_DSYNC, `descriptor ${fd} has flags ${flags.toString(8)}`);
  },
);

test(
  "a GenerateKey: SQLite's sync of the database returns before the reply goes to the gateway, and the line is in what was synced",
  { skip: NO_STRACE },
  async () => {
    const server = running;
    const trace = await strace(server.pids().vault as number, ["-e", "trace=pwrite64,write,writev,sendmsg,sendto,fsync,fdatasync"]);
    assert.equal(
      (await server.rest("POST", "/api/v1/keys", { key_id: "made", algorithm: "Ed25519" }, { "x-request-id": "durable-change" })).status,
      201,
    );
    const calls = await trace.stop();
    const shown = JSON.stringify(calls, undefined, 1);
    const stored = calls.findIndex(
      ({ name, args }) => name === "pwrite64" && args.includes("durable-change") && args.includes("keystead.db"),
    );
    assert.notEqual(stored, -1, shown);
    const synced = calls.findIndex(
      ({ name, args, result }, index) => index > stored && /^f(data)?sync$/.test(name) && args.includes("keystead.db") && result === "0",
    );
    assert.ok(synced > stored, shown);
    assert.ok(replyAt(calls) > synced, shown);
  },
);

for (const [signal, how] of [
  ["SIGTERM", "of a service manager"],
  ["SIGINT", "of a terminal, which sends it to every process"],
] as const) {
  test(`${signal} ${how} loses no request in flight and ends with 0 within 10 s`, async (t) => {
    const server = await serverFor(t);
    const outstanding = new Set<string>();
    const answers = new Map<string, number>();
    let stopping = false;
    let number = 0;
    let lost: unknown;
    const ask = async (id: string, send: () => Promise<RestReply>): Promise<void> => {
      outstanding.add(id);
      try {
        answers.set(id, (await send()).status);
      } catch (error) {
        lost ??= `${id}: ${(error as Error).message}`;
      }
      outstanding.delete(id);
    };
    // A request whose handshake is not over has not been sent; these connections are there before.
    await Promise.all(Array.from({ length: 64 }, () => sign(server)));
    const load = Array.from({ length: 60 }, async () => {
      while (!stopping) {
        const id = `drain-${++number}`;
        await ask(id, () => sign(server, id));
      }
    });
    await until("the load runs", () => number > 300);
    const slow = Array.from({ length: 4 }, (_, index) =>
      ask(`slow-${index}`, () =>
        server.rest("POST", "/api/v1/keys", { key_id: `slow-${index}`, algorithm: "RSA-3072" }, { "x-request-id": `slow-${index}` }),
      ),
    );
    const more = number + 120;
    await until("the slow ones are under way", () => number > more);
    stopping = true;
    const waiting = [...outstanding];
    const began = performance.now();
    if (signal === "SIGINT") server.kill("all", "SIGINT");
    else server.signal(signal);
    await Promise.all([...load, ...slow]);
    assert.equal(await server.ended, 0);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds < 10, `${seconds} s`);
    assert.equal(lost, undefined);
    assert.ok(waiting.length >= 50, String(waiting.length));
    for (const id of waiting) assert.ok([200, 201].includes(answers.get(id) as number), `${id}: ${answers.get(id)}`);
    const logged = new Map<string, number>();
    for (const { event } of eventsOf(server.dataDir))
      if (event.outcome === "OK") logged.set(event.request, (logged.get(event.request) ?? 0) + 1);
    for (const id of answers.keys()) assert.equal(logged.get(id), 1, id);
    await verified(server.dataDir);
  });
}

test("a second vault on the same data folder is refused by name, and the first keeps working", async () => {
  const server = running;
  const { status, said } = await startInVain({ dataDir: server.dataDir });
  assert.equal(status, 78, said);
  assert.match(said, /another vault is using this data folder/);
  assert.equal((await sign(server)).status, 200);
  await verified(server.dataDir);
});

test("the lock is free at once after kill -9 of everything, and no sooner", async (t) => {
  const dataDir = join(newFolder(), "data");
  const first = await serverFor(t, { dataDir });
  first.kill("all");
  await first.ended;
  const second = await startServer({ dataDir });
  t.after(() => second.stop());
  assert.equal((await sign(second)).status, 200);
  assert.match((await startInVain({ dataDir })).said, /another vault is using this data folder/);
});

test("a full disk refuses operations with AUDIT_UNAVAILABLE, loses nothing that was acknowledged, and work goes on when there is room again", async (t) => {
  const folder = join(newFolder(), "small");
  mkdirSync(folder);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", folder]).status !== 0)
    return t.skip("a small file system cannot be mounted here");
  t.after(() => spawnSync("umount", ["-l", folder]));
  const server = await serverFor(t, { dataDir: join(folder, "data") });
  const acknowledged = new Map<string, string>();
  let number = 0;
  const ask = async (what: "sign" | "make"): Promise<RestReply> => {
    const id = `full-${++number}`;
    const reply =
      what === "sign"
        ? await sign(server, id)
        : await server.rest("POST", "/api/v1/keys", { key_id: id, algorithm: "AES-256-GCM" }, { "x-request-id": id });
    if (reply.status < 300) acknowledged.set(id, what);
    else assert.equal(reply.body.code, "AUDIT_UNAVAILABLE", JSON.stringify(reply.body));
    return reply;
  };
  await ask("sign");
  await ask("make");
  const ballast = join(folder, "ballast");
  // Fills every page that is left.
  spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4096"], { stdio: "ignore" });
  await until("the disk is full for signatures and for changes", async () => {
    const refused = await Promise.all(Array.from({ length: 32 }, (_, index) => ask(index % 2 === 0 ? "sign" : "make")));
    return refused.every(({ status }) => status === 503);
  });
  rmSync(ballast);
  await until("work goes on", async () => (await ask("sign")).status === 200 && (await ask("make")).status === 201);
  const logged = new Map<string, number>();
  await verified(server.dataDir);
  for (const { event } of eventsOf(server.dataDir))
    if (event.outcome === "OK") logged.set(event.request, (logged.get(event.request) ?? 0) + 1);
  for (const [id, what] of acknowledged) {
    assert.equal(logged.get(id), 1, id);
    if (what === "make") assert.equal((await server.rest("GET", `/api/v1/keys/${id}`)).status, 200, id);
  }
  assert.equal(await server.stop(), 0);
  await verified(server.dataDir);
});

test(
  "a disk error on the audit segment stops every operation with AUDIT_UNAVAILABLE until the next start, and health says so",
  { skip: NO_STRACE },
  async (t) => {
    const dataDir = join(newFolder(), "data");
    const server = await serverFor(t, { dataDir });
    assert.equal((await sign(server, "before")).status, 200);
    assert.equal(await readiness(server), 200);
    const [segment] = segmentsOf(dataDir);
    const trace = await strace(server.pids().vault as number, [
      "-P",
      segment as string,
      "-e",
      "trace=pwrite64",
      "-e",
      "inject=pwrite64:error=EIO",
    ]);
    const refused = await sign(server, "during");
    await trace.stop();
    assert.equal(refused.body.code, "AUDIT_UNAVAILABLE", JSON.stringify(refused.body));
    assert.equal(refused.status, 503);
    // The disk is well again, and still nobody knows what it holds.
    const after = await sign(server, "after");
    assert.equal(after.body.code, "AUDIT_UNAVAILABLE");
    const change = await server.rest("POST", "/api/v1/keys", { algorithm: "Ed25519" });
    assert.equal(change.body.code, "AUDIT_UNAVAILABLE");
    assert.equal(await readiness(server), 503);
    assert.ok(server.logs().some(({ level, message }) => level === "error" && message === "the audit log stopped"));
    await server.stop();
    const again = await startServer({ dataDir });
    t.after(() => again.stop());
    assert.equal((await sign(again, "again")).status, 200);
    const requests = eventsOf(dataDir).map(({ event }) => event.request);
    assert.ok(requests.includes("before") && requests.includes("again") && !requests.includes("during") && !requests.includes("after"));
    await verified(dataDir);
  },
);
