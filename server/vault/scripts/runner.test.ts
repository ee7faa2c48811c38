import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Peer } from "@keystead/channel/peer";
import { SCRIPT_CALL, decodeDecide } from "@keystead/channel/script-call";
import { createLogger } from "@keystead/contract/logging";
import { ScriptRunner, type RunnableScript } from "./runner.ts";

/** What a process that is no good does with a question. */
type Behaviour = (script: string) => Buffer | Promise<Buffer>;

interface Line {
  readonly runner: ScriptRunner;
  /** Processes that were started so far. */
  starts(): number;
  /** Times the runner asked for the end of one. */
  ends(): number;
}

const json = (value: object): Buffer => {
  const text = JSON.stringify(value);
  const bytes = Buffer.alloc(text.length);
  bytes.write(text);
  return bytes;
};

/** A runner whose processes answer by `behave`, over real sockets; a new one comes when it is asked for. */
async function line(t: TestContext, behave: Behaviour, graceMs = 60_000, waitMs = 60_000): Promise<Line> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-runner-"));
  const server: Server = createServer().listen(join(folder, "s"));
  await once(server, "listening");
  const sockets: Socket[] = [];
  let starts = 0;
  let ends = 0;
  let running = false;
  let over = false;
  const start = async (): Promise<void> => {
    if (over) return;
    running = true;
    starts += 1;
    const near = connect(join(folder, "s"));
    near.on("error", () => undefined);
    sockets.push(near);
    const [far] = (await once(server, "connection")) as [Socket];
    sockets.push(far);
    far.on("close", () => (running = false));
    const peer: Peer = new Peer(far, {
      speaksFirst: false,
      answer({ operation, payload }) {
        if (operation === SCRIPT_CALL.ready || operation === SCRIPT_CALL.prepare) return json({ ready: true });
        const { script } = decodeDecide(payload);
        if (script === "deadly") {
          peer.destroy();
          running = false;
        }
        return behave(script);
      },
    });
    runner.join(near);
  };
  const runner: ScriptRunner = new ScriptRunner({
    want: () => {
      if (!running) void start();
    },
    end: () => {
      ends += 1;
      running = false;
      void start();
    },
    log: createLogger({ part: "vault", version: "0", level: "error", write: () => undefined }),
    waitMs,
    graceMs,
  });
  t.after(() => {
    over = true;
    runner.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { runner, starts: () => starts, ends: () => ends };
}

const CONTEXT = Buffer.from("{}");
const script = (name: string): RunnableScript => ({
  name,
  engine: "wasm",
  limits: "strict",
  source: () => Promise.resolve(Buffer.alloc(8)),
});
const ALLOW = json({ decision: "allow", fuel: 1 });
const allow = (): Buffer => Buffer.from(ALLOW);

test("a script that kills its process is asked twice and then refused; nobody behind it is", async (t) => {
  const { runner, starts } = await line(t, allow);
  const answers = await Promise.all(["fine", "deadly", "fine", "fine"].map((name) => runner.decide(script(name), CONTEXT, "alice")));
  assert.deepEqual(
    answers.map((answer) => ("failed" in answer ? answer.reason : answer.decision)),
    ["allow", "died", "allow", "allow"],
  );
  assert.ok(starts() >= 2);
});

test("a script that never answers is refused after its time, and its process is ended", async (t) => {
  const { runner, ends } = await line(t, (name) => (name === "stuck" ? new Promise<Buffer>(() => undefined) : allow()), 50);
  await runner.decide(script("fine"), CONTEXT, "alice");
  const answers = await Promise.all([runner.decide(script("stuck"), CONTEXT, "alice"), runner.decide(script("fine"), CONTEXT, "alice")]);
  assert.deepEqual(
    answers.map((answer) => ("failed" in answer ? answer.reason : answer.decision)),
    ["time", "allow"],
  );
  assert.equal(ends(), 1);
});

test("what is no decision is never taken for one", async (t) => {
  const lies = [
    {},
    { decision: "ALLOW", fuel: 1 },
    { decision: 1, fuel: 1 },
    { decision: "allow" },
    { decision: "allow", fuel: -1 },
    { decision: ["allow"], fuel: 1 },
    { failed: 1, reason: "x", fuel: 1 },
  ];
  const { runner } = await line(t, (name) => (name.startsWith("{") ? Buffer.from(name) : Buffer.from("allow")));
  for (const lie of [...lies.map((one) => JSON.stringify(one)), "null", "[]", "x"]) {
    const answer = await runner.decide(script(lie), CONTEXT, "alice");
    assert.ok("failed" in answer, `${lie}: ${JSON.stringify(answer)}`);
  }
});

test("a process that keeps forgetting what it prepared is not asked for ever", async (t) => {
  const { runner } = await line(t, () => json({ unknown: true }));
  const answer = await runner.decide(script("forgotten"), CONTEXT, "alice");
  assert.ok("failed" in answer && answer.reason === "unavailable", JSON.stringify(answer));
});

test("without a process a question waits, and is refused when none comes; closed, all that wait are refused", async () => {
  let wanted = 0;
  const log = createLogger({ part: "vault", version: "0", level: "error", write: () => undefined });
  const runner = new ScriptRunner({ want: () => (wanted += 1), end: () => undefined, log, waitMs: 30 });
  const answer = await runner.decide(script("fine"), CONTEXT, "alice");
  assert.ok("failed" in answer && /cannot be reached/.test(answer.failed), JSON.stringify(answer));
  assert.ok(wanted > 0);
  const patient = new ScriptRunner({ want: () => undefined, end: () => undefined, log, waitMs: 60_000 });
  const waiting = patient.decide(script("fine"), CONTEXT, "alice");
  setImmediate(() => patient.close());
  assert.ok("failed" in (await waiting));
});

test("a question that waits too long for its turn is refused, while the one before it is still being answered", async (t) => {
  const { runner } = await line(t, (name) => (name === "slow" ? new Promise<Buffer>(() => undefined) : allow()), 60_000, 40);
  await runner.decide(script("fine"), CONTEXT, "alice");
  await runner.prepare(script("slow"), Buffer.alloc(8));
  void runner.decide(script("slow"), CONTEXT, "alice");
  const answer = await runner.decide(script("fine"), CONTEXT, "alice");
  assert.ok("failed" in answer && /too many requests/.test(answer.failed), JSON.stringify(answer));
});

test("a script that came to no decision waits before it is asked for the same caller again, and others pass it by", async (t) => {
  const { runner } = await line(t, (name) => (name === "bad" ? json({ failed: "x", reason: "fuel", fuel: 4_000_000 }) : allow()));
  const order: string[] = [];
  const ask = async (name: string, caller: string): Promise<void> => {
    const answer = await runner.decide(script(name), CONTEXT, caller);
    order.push(`${caller} ${"failed" in answer ? answer.reason : answer.decision}`);
  };
  const began = performance.now();
  await ask("bad", "alice");
  await Promise.all([ask("bad", "alice"), ask("bad", "bob"), ask("fine", "alice"), ask("fine", "alice")]);
  assert.deepEqual(order, ["alice fuel", "bob fuel", "alice allow", "alice allow", "alice fuel"]);
  assert.ok(performance.now() - began >= 200, "four million units stand for four milliseconds");
});

test("a few wait for a script that is paused, more are refused at once", async (t) => {
  const { runner } = await line(t, () => json({ failed: "x", reason: "fuel", fuel: 100_000_000 }), 60_000, 100);
  await runner.decide(script("bad"), CONTEXT, "alice");
  const answers = await Promise.all(Array.from({ length: 20 }, () => runner.decide(script("bad"), CONTEXT, "alice")));
  assert.deepEqual(new Set(answers.map((answer) => ("failed" in answer ? answer.reason : ""))), new Set(["paused"]));
});

test("a failure that cost nothing pauses nothing", async (t) => {
  const { runner } = await line(t, () => json({ failed: "x", reason: "error", fuel: 10_000 }), 60_000, 60_000);
  for (let round = 0; round < 50; round += 1) {
    const answer = await runner.decide(script("bad"), CONTEXT, "alice");
    assert.ok("failed" in answer && answer.reason === "error");
  }
});
