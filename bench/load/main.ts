/**
 * The load generator process: keeps a number of calls in flight and counts.
 *
 * Told over IPC what to do (job.ts). At the beginning and the end of a window it says so, so that the bench can read
 * the processes' CPU clocks at the same moments.
 */
import { connect, type TLSSocket } from "node:tls";
import { Http1Client } from "./http1-client.ts";
import { Http2Client, type Finished } from "./http2-client.ts";
import type { Job, Order, Report, WindowResult } from "./job.ts";

const GRPC_PREFIX_BYTES = 5;

interface Running {
  readonly job: Job;
  readonly clients: readonly { call(finished: Finished): void; close(): void }[];
  /** One connection carries everything, or each has one call at a time. */
  readonly shared: boolean;
  stopping: boolean;
  active: number;
  idle: (() => void) | undefined;
  latencies: number[] | undefined;
  errors: number;
}

const running = new Map<string, Running>();
const say = (report: Report): void => {
  process.send?.(report);
};

function dial(job: Job, protocol: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: job.host, port: job.port, servername: "localhost", ca: job.ca, cert: job.cert, key: job.key, ALPNProtocols: [protocol] },
      () => {
        socket.off("error", reject);
        if (socket.alpnProtocol === protocol) resolve(socket);
        else reject(new Error(`the server does not speak ${protocol}`));
      },
    );
    socket.setNoDelay(true);
    socket.once("error", reject);
  });
}

async function open(job: Job): Promise<Running> {
  const authority = `localhost:${job.port}`;
  const body = Buffer.from(job.body);
  const made = { job, stopping: true, active: 0, idle: undefined, latencies: undefined, errors: 0 };
  if (job.protocol === "rest") {
    const headers = [
      ["host", authority],
      ["content-type", "application/json"],
      ["accept", "application/json"],
    ] as const;
    const clients = await Promise.all(
      Array.from({ length: job.inFlight }, async () => new Http1Client(await dial(job, "http/1.1"), job.path, headers, body)),
    );
    return { ...made, clients, shared: false };
  }
  const pseudo = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", job.path],
    [":authority", authority],
  ] as const;
  const grpc = job.protocol === "grpc";
  const headers = grpc
    ? ([
        ["content-type", "application/grpc+proto"],
        ["te", "trailers"],
      ] as const)
    : ([
        ["content-type", "application/proto"],
        ["connect-protocol-version", "1"],
        ["content-length", String(body.length)],
      ] as const);
  const prefix = Buffer.alloc(grpc ? GRPC_PREFIX_BYTES : 0);
  if (grpc) prefix.writeUInt32BE(body.length, 1);
  return {
    ...made,
    clients: [new Http2Client(await dial(job, "h2"), [...pseudo, ...headers], Buffer.concat([prefix, body]))],
    shared: true,
  };
}

/** One caller: calls again as soon as it was answered. */
function caller(state: Running, place: number): void {
  const client = state.clients[state.shared ? 0 : place] as Running["clients"][number];
  state.active += 1;
  const again = (): void => {
    const started = performance.now();
    client.call((good) => {
      if (!good) state.errors += 1;
      else if (state.job.refused === true) throw new Error(`${state.job.path} was not refused`);
      state.latencies?.push(performance.now() - started);
      if (!state.stopping) return again();
      state.active -= 1;
      if (state.active === 0) state.idle?.();
    });
  };
  again();
}

function run(state: Running): void {
  state.stopping = false;
  state.errors = 0;
  for (let place = 0; place < state.job.inFlight; place += 1) caller(state, place);
}

async function stop(state: Running): Promise<void> {
  if (state.active === 0) return;
  await new Promise<void>((resolve) => {
    state.idle = resolve;
    state.stopping = true;
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(state: Running, rampMs: number, windowMs: number): Promise<WindowResult> {
  run(state);
  await sleep(rampMs);
  const latencies: number[] = [];
  state.errors = 0;
  say({ kind: "mark", at: "begin" });
  state.latencies = latencies;
  const started = performance.now();
  await sleep(windowMs);
  state.latencies = undefined;
  const seconds = (performance.now() - started) / 1000;
  say({ kind: "mark", at: "end" });
  const { errors } = state;
  await stop(state);
  const sorted = Float64Array.from(latencies).sort();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? 0;
  return { calls: sorted.length, errors, seconds, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** One call on every connection (the server closes those that ask nothing); the last reply, without gRPC's prefix. */
async function once(state: Running): Promise<Uint8Array> {
  for (const client of state.clients) if (client instanceof Http2Client) client.collect = true;
  const replies = await Promise.all(state.clients.map((client) => reply(state, client)));
  for (const client of state.clients) if (client instanceof Http2Client) client.collect = false;
  return replies.at(-1) as Uint8Array;
}

function reply(state: Running, client: Running["clients"][number]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    client.call((good, body) => {
      if (state.job.refused === true && !good) resolve(new Uint8Array(0));
      else if (!good || body === undefined) reject(new Error(`${state.job.path} was refused: ${body?.toString("latin1") ?? ""}`));
      else resolve(Uint8Array.from(state.job.protocol === "grpc" ? body.subarray(GRPC_PREFIX_BYTES) : body));
    });
  });
}

async function obey(order: Order): Promise<void> {
  if (order.kind === "end") return process.disconnect?.();
  if (order.kind === "open") {
    const state = await open(order.job);
    running.set(order.name, state);
    return say({ kind: "done", reply: await once(state) });
  }
  const state = running.get(order.name);
  if (state === undefined) throw new Error(`no job '${order.name}'`);
  if (order.kind === "window") return say({ kind: "done", window: await measure(state, order.rampMs, order.windowMs) });
  if (order.kind === "run") run(state);
  else {
    await stop(state);
    if (order.kind === "close") for (const client of state.clients) client.close();
  }
  say({ kind: "done", refused: state.errors });
}

process.title = "keystead bench [load]";
process.on("message", (order: Order) => void obey(order));
