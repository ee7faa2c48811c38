/** For tests: a real nats-server with JetStream, over TLS, that keeps its stream when it is started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { certified, type Certified } from "./certificates.ts";
import { listening } from "./listening.ts";

export interface NatsOptions {
  readonly folder: string;
  /** Lines of its configuration, such as who may sign in. */
  readonly more?: string;
  readonly plaintext?: boolean;
  /** How to sign in as who may do everything. */
  readonly login?: { readonly user: string; readonly pass: string };
}

export class NatsServer {
  readonly #options: NatsOptions;
  readonly #own: Certified;
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor(options: NatsOptions) {
    this.#options = options;
    this.#own = certified(options.folder, "receiver.test");
  }

  /** A server with a stream named EVENTS for the subject `audit.events`. */
  static async start(options: NatsOptions): Promise<NatsServer> {
    const server = new NatsServer(options);
    await server.start();
    await server.asked((manager) => manager.streams.add({ name: "EVENTS", subjects: ["audit.events"], max_msg_size: 65_536 }));
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** PEM of its authority. */
  get authority(): string {
    return this.#own.ca;
  }

  /** Messages of the stream, oldest first. */
  messages(): Promise<string[]> {
    return this.asked(async (manager) => {
      const { state } = await manager.streams.info("EVENTS");
      const texts: string[] = [];
      for (let seq = state.first_seq; seq !== 0 && seq <= state.last_seq; seq += 1)
        texts.push((await manager.streams.getMessage("EVENTS", { seq }))?.string() ?? "");
      return texts;
    });
  }

  async start(): Promise<void> {
    const { folder, more = "", plaintext = false } = this.#options;
    const { certPath, keyPath } = this.#own;
    const ports = join(folder, "ports");
    mkdirSync(ports, { recursive: true });
    const config = join(folder, "nats.conf");
    const tls = plaintext ? "" : `tls { cert_file: "${certPath}", key_file: "${keyPath}" }`;
    writeFileSync(config, `listen: "127.0.0.1:${this.#port || -1}"\njetstream { store_dir: "${folder}" }\n${tls}\n${more}\n`);
    const child = spawn("nats-server", ["-c", config, "--ports_file_dir", ports], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    this.#process = child;
    const portOf = (): number => {
      if (this.#port !== 0) return this.#port;
      const file = readdirSync(ports).find((name) => name.endsWith(`_${child.pid}.ports`));
      if (file === undefined) return 0;
      const [, port = "0"] = /"[a-z]+:\/\/127\.0\.0\.1:(\d+)"/.exec(readFileSync(join(ports, file), "utf8")) ?? [];
      return Number(port);
    };
    await listening(child, portOf);
    if (child.exitCode !== null) throw new Error(`nats-server ended: ${said}`);
    this.#port = portOf();
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Asks the server's own interface, over a connection of its own. */
  async asked<T>(question: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const { plaintext = false, login } = this.#options;
    const connection: NatsConnection = await connect({
      servers: `localhost:${this.#port}`,
      ...(plaintext ? {} : { tls: { ca: this.authority } }),
      ...login,
    });
    try {
      return await question(await jetstreamManager(connection));
    } finally {
      await connection.close();
    }
  }
}
