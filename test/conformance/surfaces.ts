/**
 * The five surfaces as a caller sees them, each by a client that shares no code with the server's surface: the same
 * question in, the same shape of answer out, so that tests can walk operations x surfaces.
 */
import { request as plainRequest, Agent as PlainAgent } from "node:http";
import { request as tlsRequest, Agent as TlsAgent } from "node:https";
import {
  create,
  fromBinary,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Client, Metadata, credentials, type ChannelCredentials, type ServiceError } from "@grpc/grpc-js";
import { ErrorDetailSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { restRoutes } from "@keystead/contract/routes";

export const SURFACES = ["REST", "gRPC", "gRPC-Web", "Connect proto", "Connect JSON"] as const;
export type Surface = (typeof SURFACES)[number];
/** Surfaces whose request is protobuf bytes. */
export const BINARY_SURFACES = ["gRPC", "gRPC-Web", "Connect proto"] as const;

/** Where a caller comes in, and with what. */
export interface Door {
  /** `https://localhost:1` or `http://127.0.0.1:1`. */
  readonly origin: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A reply's fields by their proto names; tests read what they expect there. */
export type Reply = Record<string, any>;

/** What came back, whatever the surface. */
export interface Answer {
  readonly ok: boolean;
  /** The reply: proto field names, bytes as base64. */
  readonly reply: Reply;
  readonly code: string | undefined;
  readonly number: number | undefined;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  /** The pending request, where the answer names one. */
  readonly approvalId: string | undefined;
  /** HTTP status; on gRPC and gRPC-Web it is always 200. */
  readonly status: number;
  /** google.rpc.Code, where the surface has one. */
  readonly grpc: number | undefined;
  /** Everything the caller could read. */
  readonly text: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const agents = new Map<string, PlainAgent | TlsAgent>();
const clients = new Map<string, Client>();
const doorName = ({ origin, ca = "", cert = "" }: Door): string => `${origin} ${ca} ${cert}`;

/** One HTTP/1.1 request; nothing of the path is normalised. */
export function http(
  door: Door,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: Uint8Array | string,
): Promise<HttpAnswer> {
  const url = new URL(door.origin);
  const tls = url.protocol === "https:";
  let agent = agents.get(doorName(door));
  if (agent === undefined) {
    agent = tls ? new TlsAgent({ keepAlive: true, ca: door.ca, cert: door.cert, key: door.key }) : new PlainAgent({ keepAlive: true });
    agents.set(doorName(door), agent);
  }
  const all = {
    ...(door.token === undefined ? {} : { authorization: `Bearer ${door.token}` }),
    ...door.headers,
    ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = (tls ? tlsRequest : plainRequest)(
      { host: url.hostname, port: url.port, method, path, headers: all, agent },
      (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on("data", (piece: Buffer) => pieces.push(piece)).on("error", reject);
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: { ...incoming.headers, ...incoming.trailers },
            body: Buffer.concat(pieces),
          }),
        );
      },
    );
    // A server that refuses a large body may stop reading it: the answer counts, not the write.
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Lets go of every connection. */
export function hangUp(): void {
  for (const agent of agents.values()) agent.destroy();
  for (const client of clients.values()) client.close();
  agents.clear();
  clients.clear();
}

const pathOf = (operation: Operation): string => `/hsm.HsmService/${operation.name}`;
const replyOf = (desc: DescMessage, bytes: Uint8Array): Reply =>
  toJson(desc, fromBinary(desc, bytes), { useProtoFieldName: true, alwaysEmitImplicit: true }) as Reply;

const nothing = {
  reply: {},
  code: undefined,
  number: undefined,
  detail: undefined,
  requestId: undefined,
  approvalId: undefined,
  grpc: undefined,
} as const;

/** hsm.ErrorDetail out of protobuf bytes. */
function detailOf(bytes: Uint8Array): Pick<Answer, "code" | "number" | "detail" | "requestId" | "approvalId"> {
  const { code, number, detail, requestId, approvalId } = fromBinary(ErrorDetailSchema, bytes);
  return { code, number, detail, requestId, approvalId: approvalId === "" ? undefined : approvalId };
}

/** hsm.ErrorDetail out of google.rpc.Status (details = 3: Any with value = 2). */
function detailOfStatus(bytes: Uint8Array): Pick<Answer, "code" | "number" | "detail" | "requestId" | "approvalId"> {
  const field = (from: Uint8Array, wanted: number): Uint8Array => {
    const reader = new BinaryReader(from);
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (number === wanted) return reader.bytes();
      reader.skip(wire, number);
    }
    throw new Error(`google.rpc.Status has no field ${wanted}`);
  };
  return detailOf(field(field(bytes, 3), 2));
}

const framed = (message: Uint8Array): Buffer => {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
};

/** Protobuf bytes over gRPC, by grpc-js. */
export function overGrpc(door: Door, path: string, bytes: Uint8Array, output?: DescMessage): Promise<Answer> {
  const url = new URL(door.origin);
  let client = clients.get(doorName(door));
  if (client === undefined) {
    const asBuffer = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
    const channel: ChannelCredentials =
      url.protocol === "https:"
        ? credentials.createSsl(asBuffer(door.ca), asBuffer(door.key), asBuffer(door.cert))
        : credentials.createInsecure();
    client = new Client(url.host, channel, { "grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1 });
    clients.set(doorName(door), client);
  }
  const metadata = new Metadata();
  if (door.token !== undefined) metadata.set("authorization", `Bearer ${door.token}`);
  for (const [name, value] of Object.entries(door.headers ?? {})) metadata.set(name, value);
  const same = (value: Uint8Array): Buffer => Buffer.from(value);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      same,
      same,
      Buffer.from(bytes),
      metadata,
      { deadline: Date.now() + 120_000 },
      (error: ServiceError | null, reply?: Buffer) => {
        if (error === null && reply !== undefined)
          return resolve({
            ...nothing,
            ok: true,
            status: 200,
            grpc: 0,
            text: "",
            reply: output === undefined ? {} : replyOf(output, reply),
          });
        const [status] = error?.metadata.get("grpc-status-details-bin") ?? [];
        const known = status === undefined ? nothing : detailOfStatus(status as Buffer);
        resolve({
          ...nothing,
          ...known,
          ok: false,
          status: 200,
          grpc: error?.code,
          text: JSON.stringify([error?.details, error?.metadata.toJSON()]),
        });
      },
    );
  });
}

/** Protobuf bytes over gRPC-Web. */
export async function overGrpcWeb(door: Door, path: string, bytes: Uint8Array, output?: DescMessage): Promise<Answer> {
  const { status, headers, body } = await http(door, "POST", path, { "content-type": "application/grpc-web+proto" }, framed(bytes));
  const trailers: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (name.startsWith("grpc-")) trailers[name] = String(value);
  let message: Buffer | undefined;
  for (let at = 0; at + 5 <= body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const content = body.subarray(at + 5, end);
    if ((body[at] ?? 0) & 0x80)
      for (const line of content.toString("latin1").split("\r\n"))
        trailers[line.slice(0, line.indexOf(":"))] = line.slice(line.indexOf(":") + 1).trim();
    else message = content;
    at = end;
  }
  const grpc = trailers["grpc-status"] === undefined ? undefined : Number(trailers["grpc-status"]);
  const text = JSON.stringify([headers, body.toString("latin1")]);
  if (grpc === 0 && message !== undefined)
    return { ...nothing, ok: true, status, grpc, text, reply: output === undefined ? {} : replyOf(output, message) };
  const details = trailers["grpc-status-details-bin"];
  if (details === undefined) return { ...nothing, ...problemOf(body), ok: false, status, grpc, text };
  return { ...nothing, ...detailOfStatus(Buffer.from(details, "base64")), ok: false, status, grpc, text };
}

const CONNECT_CODES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** A body over Connect, as protobuf or as JSON. */
export async function overConnect(
  door: Door,
  path: string,
  body: Uint8Array | string,
  type: "proto" | "json",
  output?: DescMessage,
): Promise<Answer> {
  const answer = await http(door, "POST", path, { "content-type": `application/${type}`, "connect-protocol-version": "1" }, body);
  const text = JSON.stringify([answer.headers, answer.body.toString("latin1")]);
  if (answer.status === 200) {
    const reply =
      output === undefined
        ? {}
        : type === "proto"
          ? replyOf(output, answer.body)
          : snakeCase(JSON.parse(answer.body.toString()) as JsonValue);
    return { ...nothing, ok: true, status: 200, grpc: 0, text, reply: reply as Reply };
  }
  let error: { code?: string; details?: { value: string }[] } = {};
  try {
    error = JSON.parse(answer.body.toString()) as typeof error;
  } catch {
    // Not Connect's error format; the caller sees that code is missing.
  }
  const [detail] = error.details ?? [];
  const grpc = CONNECT_CODES.indexOf(error.code ?? "");
  return {
    ...nothing,
    ...(detail === undefined ? problemOf(answer.body) : detailOf(Buffer.from(detail.value, "base64"))),
    ok: false,
    status: answer.status,
    grpc: grpc === -1 ? undefined : grpc,
    text,
  };
}

function snakeCase(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(member as JsonValue),
    ]),
  );
}

function problemOf(body: Buffer): Partial<Answer> {
  try {
    const { code, number, detail, request_id: requestId, approval_id: approvalId } = JSON.parse(body.toString("utf8")) as Reply;
    return { code, number, detail, requestId, approvalId };
  } catch {
    return {};
  }
}

/** Any REST request. */
export async function overRest(door: Door, method: string, path: string, body?: Uint8Array | string): Promise<Answer> {
  const answer = await http(door, method, path, body === undefined ? {} : { "content-type": "application/json" }, body);
  const text = JSON.stringify([answer.headers, answer.body.toString("latin1")]);
  // 202: others must agree first, so nothing was done.
  if (answer.status >= 300 || answer.status === 202)
    return { ...nothing, ...problemOf(answer.body), ok: false, status: answer.status, text };
  return { ...nothing, ok: true, status: answer.status, text, reply: JSON.parse(answer.body.toString("utf8")) as Reply };
}

const routes = restRoutes();

/** Method, path and body of a request on REST. */
export function restRequest(operation: Operation, json: JsonObject): { method: string; path: string; body: string | undefined } {
  const route = routes.find((candidate) => candidate.operation === operation && candidate.primary);
  if (route === undefined) throw new Error(`${operation.name} has no route`);
  const rest = { ...json };
  const path = `/${route.segments
    .map((segment) => {
      if (typeof segment === "string") return segment;
      const value = rest[segment.name];
      delete rest[segment.name];
      return encodeURIComponent(String(value ?? ""));
    })
    .join("/")}`;
  if (route.body) return { method: route.method, path, body: JSON.stringify(rest) };
  const query = new URLSearchParams(
    Object.entries(rest).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)])),
  );
  return { method: route.method, path: query.size === 0 ? path : `${path}?${query.toString()}`, body: undefined };
}

/** Asks one thing on one surface. */
export function ask<I extends DescMessage>(
  surface: Surface,
  door: Door,
  operation: Operation<I>,
  init: MessageInitShape<I>,
): Promise<Answer> {
  const { input, output } = operation.method;
  const message = create(input, init);
  const row = operation as unknown as Operation;
  if (surface === "REST") {
    const { method, path, body } = restRequest(row, toJson(input, message, { useProtoFieldName: true }) as JsonObject);
    return overRest(door, method, path, body);
  }
  if (surface === "Connect JSON") return overConnect(door, pathOf(row), JSON.stringify(toJson(input, message)), "json", output);
  return askBytes(surface, door, row, toBinary(input, message));
}

/** Sends bytes that need not be a message on a binary surface. */
export function askBytes(surface: (typeof BINARY_SURFACES)[number], door: Door, operation: Operation, bytes: Uint8Array): Promise<Answer> {
  const { output } = operation.method;
  if (surface === "gRPC") return overGrpc(door, pathOf(operation), bytes, output);
  if (surface === "gRPC-Web") return overGrpcWeb(door, pathOf(operation), bytes, output);
  return overConnect(door, pathOf(operation), bytes, "proto", output);
}

/** Sends JSON that need not be a message on a JSON surface. */
export function askJson(surface: "REST" | "Connect JSON", door: Door, operation: Operation, json: JsonObject | string): Promise<Answer> {
  if (surface === "Connect JSON")
    return overConnect(door, pathOf(operation), typeof json === "string" ? json : JSON.stringify(json), "json", operation.method.output);
  if (typeof json === "string") throw new Error("REST needs members for its path; use restRequest");
  const { method, path, body } = restRequest(operation, json);
  return overRest(door, method, path, body);
}
