/**
 * For tests: a real Kafka broker, alone in its cluster, that keeps its topics when it is started again; and Kafka's own consumer
 * to read them with.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { addressRule } from "../../fetch/addresses.ts";
import { KafkaConnection } from "../kafka/connection.ts";
import { INIT_PRODUCER_ID, METADATA, type Api } from "../kafka/requests.ts";
import { certified, type Certified } from "./certificates.ts";
import { KafkaRecords, type ReadRecord } from "./kafka-records.ts";
import { listening } from "./listening.ts";

/** Where tools/test-needs.ts puts it. */
const FOLDER = resolve(import.meta.dirname, "../../../../.keystead/kafka/libs");
const LIBRARIES = join(FOLDER, "*");
/** Why there is no broker to be had; false where there is one. With CI=true that is a failure of the installation. */
export const KAFKA_MISSING = existsSync(FOLDER) ? false : "Apache Kafka is not installed; see tools/test-needs.ts";
const PATIENCE_MS = 60_000;
/** JVMs share the machine with everything else. */
const JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** Its listeners: what each asks for. All but the last two say that they are at `localhost`. */
const LISTENERS = Object.freeze({
  controller: "PLAINTEXT",
  tls: "SSL",
  clear: "PLAINTEXT",
  signed: "SASL_SSL",
  signedclear: "SASL_PLAINTEXT",
  /** Asks for a certificate of its authority. */
  mutual: "SSL",
  /** Says that it is at 127.0.0.2. */
  elsewhere: "PLAINTEXT",
  /** Says that it is where {@link KafkaBroker.loseNextAnswer} listens. */
  behind: "PLAINTEXT",
} as const);
export type Listener = keyof typeof LISTENERS;
const NAMES = Object.keys(LISTENERS) as Listener[];

export const KAFKA_LOGIN = Object.freeze({ name: "keystead", password: "pa:ss=w rd" });

interface TopicOptions {
  readonly partitions: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** @see Kafka protocol guide, CreateTopics version 4 */
const CREATE_TOPIC: Api<TopicOptions & { readonly topic: string }, number> = {
  name: "CreateTopics",
  key: 19,
  version: 4,
  write: ({ topic, partitions, settings }, to) =>
    to
      .array([topic], (name) =>
        to
          .string(name)
          .int32(partitions)
          .int16(1)
          .array([], () => undefined)
          .array(Object.entries(settings), ([key, value]) => to.string(key).string(value)),
      )
      .int32(PATIENCE_MS)
      .int8(0),
  read: (from) => {
    from.int32();
    const [error = -1] = from.array(() => {
      from.string();
      const code = from.int16();
      from.nullableString();
      return code;
    });
    return error;
  },
};

const java = (...args: string[]): string =>
  execFileSync("java", [...JVM, "-cp", LIBRARIES, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

export class KafkaBroker {
  readonly folder = mkdtempSync(join(tmpdir(), "keystead-kafka-"));
  readonly #own: Certified = certified(this.folder, "receiver.test");
  readonly #ports = new Map<Listener, number>();
  readonly #proxy: Server = createServer((client) => this.#carry(client));
  readonly #topics: string[] = [];
  #process: ChildProcess | undefined;
  #reader: KafkaRecords | undefined;
  #losing = false;

  static async start(): Promise<KafkaBroker> {
    const broker = new KafkaBroker();
    try {
      await broker.#prepare();
      await broker.begin();
    } catch (error) {
      await broker.end();
      throw error;
    }
    return broker;
  }

  /** Of the listener that speaks TLS and asks for nothing. */
  get port(): number {
    return this.portOf("tls");
  }

  portOf(listener: Listener): number {
    return this.#ports.get(listener) ?? 0;
  }

  /** PEM of its authority. */
  get authority(): string {
    return this.#own.ca;
  }

  /** A topic of its own for a test. */
  async newTopic({ partitions = 1, settings = {} }: Partial<TopicOptions> = {}): Promise<string> {
    const topic = `events-${this.#topics.length + 1}`;
    const error = await this.#asked((connection, signal) => connection.ask(CREATE_TOPIC, { topic, partitions, settings }, signal));
    if (error !== 0) throw new Error(`the topic was not made: ${error}`);
    this.#topics.push(topic);
    await this.#led();
    return topic;
  }

  /** Records of a partition, oldest first. */
  records(topic: string, partition = 0): Promise<ReadRecord[]> {
    this.#reader ??= new KafkaRecords(JVM, LIBRARIES, this.folder);
    return this.#reader.read(`127.0.0.1:${this.portOf("clear")}`, topic, partition);
  }

  /** The next answer to a Produce through the listener `behind` is lost, with its connection. */
  loseNextAnswer(): void {
    this.#losing = true;
  }

  async begin(): Promise<void> {
    const child = spawn("java", [...JVM, "-cp", LIBRARIES, "kafka.Kafka", join(this.folder, "server.properties")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-4000)));
    this.#process = child;
    await listening(child, () => this.port);
    if (child.exitCode !== null) throw new Error(`the broker ended: ${said}`);
    await this.#led();
  }

  /** Orderly: one that was killed is not believed to be itself until its session has ended. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }

  /** For good. */
  async end(): Promise<void> {
    const ended = this.#process === undefined ? undefined : once(this.#process, "exit");
    this.#process?.kill("SIGKILL");
    await ended;
    await this.#reader?.end();
    this.#process = undefined;
    this.#proxy.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    const { folder } = this;
    const { keyPath, certPath, caPath } = this.#own;
    this.#proxy.listen(0, "127.0.0.1");
    await once(this.#proxy, "listening");
    // It cannot choose ports itself; all are held until all are known.
    const held = await Promise.all(
      NAMES.map(async (name) => {
        const server = createServer().listen(0, "127.0.0.1");
        await once(server, "listening");
        this.#ports.set(name, (server.address() as AddressInfo).port);
        return server;
      }),
    );
    for (const server of held) server.close();
    writeFileSync(join(folder, "broker.pem"), readFileSync(keyPath, "utf8") + readFileSync(certPath, "utf8"));
    const at = (name: Listener): string => `${name.toUpperCase()}://127.0.0.1:${this.portOf(name)}`;
    const said = (name: Listener): string => {
      const port = name === "behind" ? (this.#proxy.address() as AddressInfo).port : this.portOf(name);
      return `${name.toUpperCase()}://${name === "elsewhere" ? "127.0.0.2" : "localhost"}:${port}`;
    };
    const { name: user, password } = KAFKA_LOGIN;
    const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";`;
    const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    const settings: Record<string, string | number> = {
      "process.roles": "broker,controller",
      "node.id": 1,
      "controller.quorum.voters": `1@127.0.0.1:${this.portOf("controller")}`,
      "controller.listener.names": "CONTROLLER",
      "inter.broker.listener.name": "CLEAR",
      listeners: NAMES.map(at).join(","),
      "advertised.listeners": NAMES.filter((name) => name !== "controller")
        .map(said)
        .join(","),
      "listener.security.protocol.map": NAMES.map((name) => `${name.toUpperCase()}:${LISTENERS[name]}`).join(","),
      "log.dirs": join(folder, "data"),
      "auto.create.topics.enable": "false",
      "offsets.topic.replication.factor": 1,
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": join(folder, "broker.pem"),
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": caPath,
      "listener.name.mutual.ssl.client.auth": "required",
    };
    for (const name of ["signed", "signedclear"]) {
      const mechanisms = { PLAIN: plain, "SCRAM-SHA-256": scram, "SCRAM-SHA-512": scram };
      settings[`listener.name.${name}.sasl.enabled.mechanisms`] = Object.keys(mechanisms).join(",");
      for (const [mechanism, jaas] of Object.entries(mechanisms))
        settings[`listener.name.${name}.${mechanism.toLowerCase()}.sasl.jaas.config`] = jaas;
    }
    const path = join(folder, "server.properties");
    writeFileSync(
      path,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
    const scrams = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name="${user}",password="${password}"]`,
    ]);
    java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", path, ...scrams);
  }

  /** Asks the broker over the connection in the clear. */
  async #asked<T>(question: (connection: KafkaConnection, signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const to = { host: "127.0.0.1", port: this.portOf("clear") };
    const connection = await KafkaConnection.open(to, undefined, addressRule(["127.0.0.1"]), signal);
    try {
      return await question(connection, signal);
    } finally {
      connection.close();
    }
  }

  /** Resolves once producers get their numbers and every topic has a leader. */
  async #led(): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    const led = (): Promise<boolean> =>
      this.#asked(async (connection, signal) => {
        if ((await connection.ask(INIT_PRODUCER_ID, undefined, signal)).error !== 0) return false;
        for (const topic of this.#topics) {
          const found = (await connection.ask(METADATA, topic, signal)).topics[0];
          if (found === undefined || found.error !== 0 || found.partitions.some(({ error, leader }) => error !== 0 || leader === -1))
            return false;
        }
        return true;
      }).catch(() => false);
    while (!(await led())) {
      if (performance.now() > until) throw new Error("the broker did not become ready");
      await new Promise((resolve_) => setTimeout(resolve_, 50));
    }
  }

  /** Between a client and the listener `behind`. */
  #carry(client: Socket): void {
    const server = connect(this.portOf("behind"), "127.0.0.1");
    let asked = Buffer.alloc(0);
    client.on("data", (chunk: Buffer) => {
      asked = Buffer.concat([asked, chunk]);
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      const produced = asked.length >= 6 && asked.readInt16BE(4) === 0;
      asked = Buffer.alloc(0);
      if (this.#losing && produced) {
        this.#losing = false;
        client.destroy();
        return void server.destroy();
      }
      client.write(chunk);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }
}
