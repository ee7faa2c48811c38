/** For tests: a real rsyslogd over TLS that writes every message to a file before it reads the next. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listening } from "./listening.ts";
import { certified, type Certified } from "./certificates.ts";

export interface RsyslogOptions {
  readonly folder: string;
  /** Admits clients with a certificate of its authority alone. */
  readonly certifiedClients?: boolean;
}

export class Rsyslog {
  readonly #folder: string;
  readonly #certifiedClients: boolean;
  readonly #own: Certified;
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor({ folder, certifiedClients = false }: RsyslogOptions) {
    this.#folder = folder;
    this.#certifiedClients = certifiedClients;
    this.#own = certified(folder, "receiver.test");
  }

  static async start(options: RsyslogOptions): Promise<Rsyslog> {
    const server = new Rsyslog(options);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** PEM of its authority. */
  get authority(): string {
    return this.#own.ca;
  }

  /** Messages as they came, whole, in the order of their arrival. */
  messages(): string[] {
    const path = join(this.#folder, "messages");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  }

  async start(): Promise<void> {
    const portFile = join(this.#folder, "port");
    const config = join(this.#folder, "rsyslog.conf");
    writeFileSync(portFile, "");
    writeFileSync(config, this.#config(portFile));
    const child = spawn("rsyslogd", ["-n", "-f", config, "-i", join(this.#folder, "pid")], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    this.#process = child;
    // It writes the file when it chooses the port itself; what it listens on is tried until it answers.
    const portOf = (): number => (this.#port === 0 ? Number(readFileSync(portFile, "utf8")) : this.#port);
    await listening(child, portOf);
    if (child.exitCode !== null) throw new Error(`rsyslogd ended: ${said}`);
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

  #config(portFile: string): string {
    const { certPath, keyPath, caPath } = this.#own;
    const clients = this.#certifiedClients ? "x509/certvalid" : "anon";
    return `
global(workDirectory="${this.#folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  DefaultNetstreamDriverCAFile="${caPath}" DefaultNetstreamDriverCertFile="${certPath}" DefaultNetstreamDriverKeyFile="${keyPath}")
main_queue(queue.type="direct")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="${clients}")
input(type="imtcp" address="127.0.0.1" port="${this.#port}" listenPortFileName="${portFile}")
template(name="whole" type="string" string="%rawmsg%\\n")
action(type="omfile" file="${join(this.#folder, "messages")}" template="whole" asyncWriting="off" flushOnTXEnd="on")
`;
  }
}
