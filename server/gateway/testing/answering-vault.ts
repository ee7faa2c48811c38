/**
 * A vault for tests: the other end of the gateway's socket, answering by a table of functions on messages.
 *
 * It opens sealed with nothing behind it: no key, no decision. Tests say what each operation answers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary, type Message } from "@bufbuild/protobuf";
import { decodeCall, type Evidence } from "@keystead/channel/call";
import { Peer, type IncomingCall } from "@keystead/channel/peer";
import { HsmError } from "@keystead/contract/errors";
import { SELF, operationByNumber } from "@keystead/contract/operations/register";

/** What an operation answers: the fields of the response message. Throw an HsmError to refuse. */
export type Answers = Readonly<Record<string, (request: never, evidence: Evidence, call: IncomingCall) => object | Promise<object>>>;

export interface SeenCall {
  readonly name: string;
  readonly request: Message;
  readonly evidence: Evidence;
  readonly call: IncomingCall;
}

export class AnsweringVault {
  readonly seen: SeenCall[] = [];
  readonly #answers: Answers;
  health: object = { phase: "open", ready: true, version: "0.0.0", uptimeSeconds: 7 };
  metrics = JSON.stringify({ hsm_pool_waiting: "hsm_pool_waiting 1\n" });
  peer: Peer | undefined;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  /** Answers on this socket from now on. */
  attach(socket: Socket, speaksFirst: boolean): void {
    this.peer = new Peer(socket, { speaksFirst, answer: (call) => this.#answer(call) });
  }

  async #answer(call: IncomingCall): Promise<Buffer> {
    if (call.operation === SELF.health) return Buffer.from(JSON.stringify(this.health));
    if (call.operation === SELF.metrics) return Buffer.from(this.metrics);
    const operation = operationByNumber(call.operation);
    if (operation === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "unknown number");
    const { evidence, body } = decodeCall(call.payload);
    let request: Message;
    try {
      request = fromBinary(operation.method.input, Buffer.from(body));
    } catch {
      throw new HsmError("INVALID_REQUEST", "the message cannot be read");
    }
    // The frame is wiped after the answer, so what tests look at later is a copy.
    this.seen.push({ name: operation.name, request, evidence: { ...evidence, certificate: Buffer.from(evidence.certificate) }, call });
    const answer = this.#answers[operation.name];
    if (answer === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", `the test answers no ${operation.name}`);
    const response = await answer(request as never, evidence, call);
    const bytes = toBinary(operation.method.output, create(operation.method.output, response as never));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Two connected ends of a unix socket. */
export async function socketPair(): Promise<readonly [Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-gateway-"));
  const server = createServer();
  try {
    const path = join(folder, "pair");
    const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const near = connect(path);
    return [near, await accepted];
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
