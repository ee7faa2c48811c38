/**
 * Rounds of load and kill -9, with a webhook, a file and receivers of other kinds that are to have every event.
 *
 * The client writes down what it was promised. At the end all sinks hold every acknowledged request; what each holds is the log
 * without a gap, in its order; and what came twice came with the same id.
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { newFolder, startServer, until, type TestServer } from "../server.ts";
import type { Random } from "./seeded.ts";

const IN_FLIGHT = 16;
/** What is killed, in turn; of "both", connector and vault at once. */
const VICTIMS = ["connector", "vault", "both", "all", "connector", "all"] as const;

/** One event as a sink got it. */
interface Got {
  readonly id: string;
  readonly sequence: number;
  readonly request: string;
}

/** A receiver of another kind. */
export interface Receiver {
  readonly name: string;
  /** hsm.SinkTarget as JSON. */
  readonly target: object;
  /** PEM of its authority. */
  readonly authority: string;
  /** Lines of the log that it holds, in the order of their arrival. */
  lines(): Promise<readonly string[]>;
  end(): Promise<void>;
}

export interface SinkRoundsOptions {
  /** Begun before the rounds, and ended by them. */
  readonly receivers?: readonly Receiver[];
  readonly rounds: number;
  readonly random: Random;
  readonly say: (text: string) => void;
}

/** @throws {AssertionError} for the first broken promise */
export async function sinkRounds({ rounds, random, say, receivers = [] }: SinkRoundsOptions): Promise<void> {
  const folder = newFolder();
  const dataDir = join(folder, "data");
  const files = join(folder, "files");
  const hooked: Got[] = [];
  const delivered = new EventEmitter();
  const receiver = createServer(async (asked, reply) => {
    const body = JSON.parse(Buffer.concat(await asked.toArray()).toString()) as {
      id: string;
      data: { event: { sequence: number; request: string } };
    };
    const { sequence, request } = body.data.event;
    hooked.push({ id: body.id, sequence, request });
    delivered.emit("one");
    // Some answers never arrive: what they were about comes again.
    if (random.below(200) === 0) asked.socket.destroy();
    else reply.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const filed = (): Got[] =>
    existsSync(join(files, "events.log")) ? readFileSync(join(files, "events.log"), "utf8").split("\n").slice(0, -1).map(gotLine) : [];
  const caPath = join(folder, "receivers.pem");
  writeFileSync(caPath, receivers.map(({ authority }) => authority).join("\n"));
  const ca = receivers.length === 0 ? [] : [`connector.ca_path=${caPath}`];
  const start = (): Promise<TestServer> =>
    startServer({
      dataDir,
      flags: ["connector.allowed_addresses=[127.0.0.1]", `sinks.files_dir=${files}`, ...ca].flatMap((one) => ["--set", one]),
    });

  let server = await start();
  const acknowledged = new Set<string>();
  let number = 0;
  try {
    const made = async (path: string, body: object): Promise<void> => {
      const { status, body: answer } = await server.rest("POST", path, body);
      assert.ok(status < 300, JSON.stringify(answer));
    };
    await made("/api/v1/keys", { key_id: "signer", algorithm: "Ed25519" });
    const everything = { filter: { min_severity: "debug" }, retry: { delay_ms: 100 } };
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await made("/api/v1/sinks", { name: "hook", target: { webhook: { url } }, ...everything });
    await made("/api/v1/sinks", { name: "file", target: { file: { file: "events.log" } }, ...everything });
    for (const { name, target } of receivers) await made("/api/v1/sinks", { name, target, ...everything });
    const one = async (): Promise<boolean> => {
      const id = `load-${++number}`;
      try {
        const { status } = await server.rest("POST", "/api/v1/keys/signer/sign", { data: "YQ==" }, { "x-request-id": id });
        if (status === 200) acknowledged.add(id);
        return true;
      } catch {
        return false;
      }
    };
    for (let round = 1; round <= rounds; round += 1) {
      const often = server.logs().filter(({ message }) => message.endsWith("it is started again")).length > 6;
      const victim = often ? "all" : (VICTIMS[(round + random.seed) % VICTIMS.length] as (typeof VICTIMS)[number]);
      const target = acknowledged.size + 50 + random.below(200);
      const from = server.logs().length;
      const [hookedBefore, filedBefore] = [hooked.length, filed().length];
      let stopped = false;
      let wake = (): void => undefined;
      const enough = new Promise<void>((resolve) => (wake = resolve));
      // Requests are answered many times faster than events are delivered one by one: from then on one follows each delivery.
      const waiting: (() => void)[] = [];
      const follow = (): void => waiting.shift()?.();
      delivered.on("one", follow);
      const load = Array.from({ length: IN_FLIGHT }, async () => {
        while (!stopped && (await one())) {
          if (acknowledged.size < target || stopped) continue;
          wake();
          await new Promise<void>((resolve) => waiting.push(resolve));
        }
      });
      await Promise.race([enough, Promise.all(load)]);
      // In the midst of delivering, so that something is always lost with it.
      const some = random.below(150);
      await until("deliveries", () => hooked.length > hookedBefore + some && filed().length > filedBefore, 120_000);
      // All of them at once: the kill meets requests under way.
      delivered.off("one", follow);
      for (const go of waiting.splice(0)) go();
      await new Promise((resolve) => setImmediate(resolve));
      for (const part of victim === "both" ? (["vault", "connector"] as const) : [victim])
        if (part === "all" || server.pids()[part] !== undefined) server.kill(part);
      stopped = true;
      for (const go of waiting.splice(0)) go();
      await Promise.all(load);
      if (victim === "all") {
        await server.ended;
        server = await start();
      } else if (victim !== "connector") await server.ready("vault", from);
      say(`round ${round}: killed ${victim}; ${acknowledged.size} acknowledged, the webhook has ${hooked.length}`);
    }
    const lacking = (got: readonly Got[]): number => {
      const requests = new Set(got.map(({ request }) => request));
      return [...acknowledged].filter((id) => !requests.has(id)).length;
    };
    await until("the webhook has everything", () => lacking(hooked) === 0, 120_000);
    await until("the file has everything", () => lacking(filed()) === 0, 120_000);
    const once_ = { hook: inOrder(hooked), file: inOrder(filed()) };
    say(
      `${acknowledged.size} acknowledged; repeated: ${hooked.length - once_.hook} by webhook, ${filed().length - once_.file} in the file`,
    );
    for (const { name, lines } of receivers) {
      const got = async (): Promise<Got[]> => (await lines()).map(gotLine);
      await until(`${name} has everything`, async () => lacking(await got()) === 0, 120_000);
      const all = await got();
      say(`repeated: ${all.length - inOrder(all)} by ${name}`);
    }
    assert.equal(await server.stop(), 0);
  } finally {
    await server.stop();
    receiver.closeAllConnections();
    receiver.close();
    for (const { end } of receivers) await end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function gotLine(line: string): Got {
  const { sequence, request } = (JSON.parse(line) as { event: { sequence: number; request: string } }).event;
  return { id: line, sequence, request };
}

/** Without repetitions it is the log without a gap. @returns how many events there are */
function inOrder(got: readonly Got[]): number {
  const ids = new Map<number, string>();
  let last = (got[0]?.sequence ?? 1) - 1;
  for (const { id, sequence } of got) {
    const before = ids.get(sequence);
    if (before !== undefined) {
      assert.equal(id, before, `event ${sequence} came again as another`);
      continue;
    }
    assert.equal(sequence, last + 1, `event ${sequence} came after ${last}`);
    ids.set(sequence, id);
    last = sequence;
  }
  return ids.size;
}
