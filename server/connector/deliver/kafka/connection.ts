/**
 * A connection to one broker: one request, and its answer, at a time.
 *
 *      i32 size | i16 api | i16 version | i32 correlation | client's name | body          i32 size | i32 correlation | body
 *
 * @see Kafka protocol guide, "Protocol"
 */
import type { Socket } from "node:net";
import { dial, unavailable, type Destination } from "../../dial.ts";
import type { MayDial } from "../../fetch/addresses.ts";
import { API_VERSIONS, REQUIRED, SASL_AUTHENTICATE, SASL_HANDSHAKE, errorText, type Api } from "./requests.ts";
import { scram } from "./scram.ts";
import { MalformedAnswer, Reader, Writer } from "./wire.ts";

/** Names the brokers of one topic; more than this is none. */
const MOST_ANSWER_BYTES = 4_194_304;
const CLIENT = "keystead";

/** Name and password, and how they are shown. */
export interface Login {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly name: string;
  /** The sink's; not wiped here. */
  readonly password: Buffer;
}

interface Waiting {
  readonly correlation: number;
  done(body: Buffer): void;
  failed(error: Error): void;
}

export class KafkaConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #correlation = 0;
  #waiting: Waiting | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(unavailable("the broker closed the connection")));
  }

  /**
   * A broker that speaks what we do, and knows who we are.
   *
   * @throws {HsmError} PROVIDER_UNAVAILABLE   it does not; or what network and TLS throw
   */
  static async open(to: Destination, login: Login | undefined, mayDial: MayDial, signal: AbortSignal): Promise<KafkaConnection> {
    const connection = new KafkaConnection(await dial(to, mayDial, signal));
    try {
      const { error, ranges } = await connection.ask(API_VERSIONS, undefined, signal);
      if (error !== 0) throw unavailable(errorText(error));
      for (const { name, key, version } of REQUIRED) {
        const spoken = ranges.some((range) => range.key === key && range.oldest <= version && version <= range.newest);
        if (!spoken) throw unavailable(`the broker does not speak ${name} ${version}`);
      }
      if (login !== undefined) await signIn(connection, login, signal);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** Whether it can be asked something. */
  get usable(): boolean {
    return this.#socket.readyState === "open";
  }

  /** @throws {MalformedAnswer} or what the network or the signal throws; then the connection is closed */
  async ask<Asked, Answered>(api: Api<Asked, Answered>, asked: Asked, signal: AbortSignal): Promise<Answered> {
    const correlation = (this.#correlation = (this.#correlation + 1) % 0x7fffffff);
    const writer = new Writer().int16(api.key).int16(api.version).int32(correlation).string(CLIENT);
    api.write(asked, writer);
    const request = writer.done();
    const stop = (): void => this.#fail(signal.reason as Error);
    try {
      signal.throwIfAborted();
      if (!this.usable) throw unavailable("the broker closed the connection");
      const answer = new Promise<Buffer>((done, failed) => (this.#waiting = { correlation, done, failed }));
      signal.addEventListener("abort", stop, { once: true });
      this.#socket.cork();
      this.#socket.write(new Writer().int32(request.length).done());
      this.#socket.write(request);
      this.#socket.uncork();
      return api.read(new Reader(await answer));
    } catch (error) {
      this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#waiting = undefined;
      // It may hold a password; what is answered, or given up, has been sent or never will be.
      request.fill(0);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const bytes = this.#received.readInt32BE();
      if (bytes < 4 || bytes > MOST_ANSWER_BYTES) return this.#fail(new MalformedAnswer("what answers is no Kafka broker"));
      if (this.#received.length < 4 + bytes) return;
      const answer = this.#received.subarray(4, 4 + bytes);
      this.#received = this.#received.subarray(4 + bytes);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined || answer.readInt32BE() !== waiting.correlation)
        return waiting?.failed(new MalformedAnswer("the broker answered another question")) ?? this.close();
      waiting.done(answer.subarray(4));
    }
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#socket.destroy();
    waiting?.failed(error);
  }
}

async function signIn(connection: KafkaConnection, { mechanism, name, password }: Login, signal: AbortSignal): Promise<void> {
  const { error } = await connection.ask(SASL_HANDSHAKE, mechanism, signal);
  if (error !== 0) throw unavailable(errorText(error));
  const exchange = async (message: Buffer): Promise<Buffer> => {
    const answer = await connection.ask(SASL_AUTHENTICATE, message, signal);
    if (answer.error !== 0) throw unavailable(errorText(answer.error));
    return answer.message;
  };
  if (mechanism !== "PLAIN") return scram(mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512", name, password, exchange);
  // RFC 4616: no other identity, NUL, name, NUL, password.
  const login = Buffer.from(`\0${name}\0`, "utf8");
  const message = Buffer.alloc(login.length + password.length);
  login.copy(message);
  password.copy(message, login.length);
  try {
    await exchange(message);
  } finally {
    message.fill(0);
  }
}
