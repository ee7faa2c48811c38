/**
 * Rounds of load and kill -9, with a webhook, a file and receivers of other kinds that are to have every event.
 *
 * The client writes down what it was promised. At the end all sinks hold every acknowledged request; what each holds is the log
 * without a gap, in its order; and what came twice came with the same id.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { newFolder, startServer, type TestServer } from "../server.ts";
import { seeded, type Random } from "./seeded.ts";

const IN_FLIGHT = 16;
/**
 * The load waits while the webhook is so many requests behind, because requests are answered many times faster than it takes their
 * events: more of them would only have to be delivered afterwards.
 */
const MOST_BEHIND = 300;
/** As long as events go on arriving, however slowly, it is no stall. */
const STALL_MS = 120_000;
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
  /** PEM of its authority; left out for one that is spoken to in the clear. */
  readonly authority?: string;
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
  const arrived = new Set<string>();
  // The order in which this and the rounds happen is not the seed's to say.
  const unlucky = seeded(random.seed + 1);
  const receiver = createServer(async (asked, reply) => {
    const body = JSON.parse(Buffer.concat(await asked.toArray()).toString()) as {
      id: string;
      data: { event: { sequence: number; request: string } };
    };
    const { sequence, request } = body.data.event;
    hooked.push({ id: body.id, sequence, request });
    arrived.add(request);
    // Some answers never arrive: what they were about comes again.
    if (unlucky.below(200) === 0) asked.socket.destroy();
    else reply.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const filed = (): Got[] =>
    existsSync(join(files, "events.log")) ? readFileSync(join(files, "events.log"), "utf8").split("\n").slice(0, -1).map(gotLine) : [];
  const caPath = join(folder, "receivers.pem");
  const authorities = receivers.flatMap(({ authority }) => authority ?? []);
  writeFileSync(caPath, authorities.join("\n"));
  const ca = authorities.length === 0 ? [] : [`connector.ca_path=${caPath}`];
  const start = (): Promise<TestServer> =>
    startServer({
      dataDir,
      // A hundred starts, one of which may meet a machine that has other work.
      readyMs: 600_000,
      flags: ["connector.allowed_addresses=[127.0.0.1]", `sinks.files_dir=${files}`, ...ca].flatMap((one) => ["--set", one]),
    });

  let server = await start();
  const acknowledged = new Set<string>();
  let number = 0;
  /** How far each sink is, by its name, as the server says it; nothing while it does not. */
  const positions = async (): Promise<ReadonlyMap<string, number>> => {
    const { sinks = [] } = (await server.rest("GET", "/api/v1/sinks").catch(() => ({ body: {} }))).body as { sinks?: Told[] };
    return new Map(sinks.map(({ name, status }) => [name, Number(status.position ?? 0)]));
  };
  /** Waits as long as events go on arriving anywhere, or being acknowledged. @throws {Error} with what everybody said last */
  const arriving = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    const seen = async (): Promise<string> => [hooked.length, acknowledged.size, ...(await positions()).values()].join(" ");
    let last = await seen();
    let since = performance.now();
    while (!(await holds())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const now = await seen();
      if (now !== last) [last, since] = [now, performance.now()];
      if (performance.now() - since < STALL_MS) continue;
      const { body } = await server.rest("GET", "/api/v1/sinks");
      const logs = server.logs().slice(-40);
      throw new Error(`nothing arrived for ${STALL_MS} ms: ${what}\n${[body, ...logs].map((one) => JSON.stringify(one)).join("\n")}`);
    }
  };
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
    const one = async (): Promise<void> => {
      const id = `load-${++number}`;
      // A connection that broke with its server says nothing; the next request finds out whether there is one.
      const answer = await server.rest("POST", "/api/v1/keys/signer/sign", { data: "YQ==" }, { "x-request-id": id }).catch(() => undefined);
      if (answer?.status === 200) acknowledged.add(id);
    };
    for (let round = 1; round <= rounds; round += 1) {
      const often = server.logs().filter(({ message }) => message.endsWith("it is started again")).length > 6;
      const victim = often ? "all" : (VICTIMS[(round + random.seed) % VICTIMS.length] as (typeof VICTIMS)[number]);
      const target = acknowledged.size + 50 + random.below(200);
      // In the midst of delivering, so that something is always lost with it.
      const some = hooked.length + random.below(150);
      const from = server.logs().length;
      const begun = performance.now();
      const before = await positions();
      let stopped = false;
      const load = Array.from({ length: IN_FLIGHT }, async () => {
        while (!stopped)
          if (acknowledged.size - arrived.size < MOST_BEHIND) await one();
          else await new Promise((resolve) => setTimeout(resolve, 10));
      });
      try {
        await arriving(`round ${round}`, async () => {
          if (acknowledged.size < target || hooked.length <= some) return false;
          const now = await positions();
          return now.size === before.size && [...now].every(([name, position]) => position > (before.get(name) ?? 0));
        });
        for (const part of victim === "both" ? (["vault", "connector"] as const) : [victim])
          if (part === "all" || server.pids()[part] !== undefined) server.kill(part);
      } finally {
        stopped = true;
        await Promise.all(load);
      }
      for (const { level, message } of server.logs()) if (level === "error" && !message.endsWith("it is started again")) say(message);
      if (victim === "all") {
        await server.ended;
        server = await start();
      } else if (victim !== "connector") await server.ready("vault", from);
      const took = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
      say(`round ${round}: killed ${victim} in ${took}; ${acknowledged.size} acknowledged, the webhook has ${hooked.length}`);
    }
    const lacking = (got: readonly Got[]): number => {
      const requests = new Set(got.map(({ request }) => request));
      return [...acknowledged].filter((id) => !requests.has(id)).length;
    };
    await arriving("the webhook has everything", () => lacking(hooked) === 0);
    await arriving("the file has everything", () => lacking(filed()) === 0);
    const once_ = { hook: inOrder(hooked), file: inOrder(filed()) };
    say(
      `${acknowledged.size} acknowledged; repeated: ${hooked.length - once_.hook} by webhook, ${filed().length - once_.file} in the file`,
    );
    for (const { name, lines } of receivers) {
      const got = async (): Promise<Got[]> => (await lines()).map(gotLine);
      await arriving(`${name} has everything`, async () => lacking(await got()) === 0);
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

/** What is read of a sink. */
interface Told {
  readonly name: string;
  /** 64-bit numbers are texts in JSON, and left out when they are 0. */
  readonly status: { readonly position?: string };
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
