/**
 * REST: routes of the contract, JSON in, JSON out.
 *
 * The surface turns JSON into the request message and the answer back; whether the message makes sense is the vault's
 * question. Every answer carries the request id.
 */
import type { DescField } from "@bufbuild/protobuf";
import { copyBytes } from "@keystead/channel/secret-slab";
import { HsmError } from "@keystead/contract/errors";
import { parseStrictJson, type JsonValue } from "@keystead/contract/json";
import { requestIdOf } from "../../evidence/evidence.ts";
import type { Desk } from "../../forward.ts";
import { messagePrinter, type MessagePrinter } from "../../messages/message-printer.ts";
import { messageReader, type MessageReader } from "../../messages/message-reader.ts";
import { ProtobufWriter } from "../../messages/protobuf-writer.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { firstAnswer, isStream } from "../grpc/event-stream.ts";
import { SAFE_HEADERS, problem, waiting } from "./problem.ts";
import { queryValues } from "./query.ts";
import { Router, type Match } from "./router.ts";
import { resume, serverSentEvents, wantsEvents } from "./server-sent-events.ts";

type JsonObject = { [name: string]: JsonValue };

/** Operations whose success is 201, with the place of what was made. */
const CREATES: Readonly<Record<string, (answer: JsonObject) => string>> = Object.freeze({
  GenerateKey: keyPlace,
  ImportKey: keyPlace,
  CreateNamespace: (answer) =>
    `/api/v1/namespaces/${encodeURIComponent(String((answer["namespace"] as JsonObject | undefined)?.["namespace"]))}/keys`,
});

function keyPlace(answer: JsonObject): string {
  const key = answer["key"] as JsonObject | undefined;
  return `/api/v1/namespaces/${encodeURIComponent(String(key?.["namespace"]))}/keys/${encodeURIComponent(String(key?.["key_id"]))}`;
}

/** What is made once per operation. */
interface Codec {
  readonly read: MessageReader;
  readonly print: MessagePrinter;
  /** Fields that may come as query parameters although there is a body. */
  readonly besideBody: readonly DescField[];
}

/** The surface. */
export function restSurface(desk: Desk): Dispatch {
  const rest = new Rest(desk);
  return (exchange) => {
    const requestId = requestIdOf(exchange);
    rest.answer(exchange, requestId).then(
      (code) => desk.requests.answered({ surface: "rest", exchange, requestId }, code),
      (thrown: unknown) => {
        const error = desk.requests.failed({ surface: "rest", exchange, requestId }, thrown);
        if (error.code === "APPROVAL_REQUIRED" && error.approvalId !== undefined) waiting(exchange, requestId, error, error.approvalId);
        else problem(exchange, requestId, error);
      },
    );
  };
}

class Rest {
  readonly #desk: Desk;
  readonly #router = new Router();
  readonly #codecs = new Map<string, Codec>();
  /** Reading is synchronous, so one buffer serves every request. */
  readonly #writer = new ProtobufWriter();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Answers, or throws what to answer with. @returns the code that is counted */
  async answer(exchange: Exchange, requestId: string): Promise<string> {
    const found = this.#router.find(exchange.method, exchange.path);
    if (found === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such path");
    if ("allowed" in found) {
      const allow = found.allowed.includes("GET") ? [...found.allowed, "HEAD"] : found.allowed;
      problem(exchange, requestId, new HsmError("INVALID_REQUEST", `${exchange.method} is not possible here`), {
        status: 405,
        headers: { allow: allow.join(", ") },
      });
      return "INVALID_REQUEST";
    }
    const { operation } = found.route;
    const codec = this.#codecOf(found);
    let json: JsonObject = {};
    if (exchange.hasBody) {
      const unfit = found.route.body ? unfitBody(exchange) : "this method takes no body";
      const body = await exchange.readBody(this.#desk.bodyBytes);
      if (body.length > 0 && unfit !== undefined) {
        body.fill(0);
        problem(exchange, requestId, new HsmError("INVALID_REQUEST", unfit), { status: found.route.body ? 415 : 400 });
        return "INVALID_REQUEST";
      }
      if (body.length > 0) json = bodyOf(body);
    }
    if (exchange.query !== "" || found.values.length > 0) addOutside(json, found, codec, exchange.query);
    const streams = isStream(operation);
    const asEvents = streams && wantsEvents(exchange);
    if (asEvents) resume(json, exchange);
    const writer = this.#writer;
    let body: Buffer;
    try {
      codec.read(json, writer);
      body = copyBytes(writer.bytes);
    } finally {
      writer.clear();
    }
    const request = { operation, requestId, body, deadlineMs: undefined };
    if (asEvents) return serverSentEvents(this.#desk, exchange, request);
    const reply = await (streams ? firstAnswer(this.#desk, exchange, request) : this.#desk.forward(exchange, request));
    const text = codec.print(reply);
    reply.fill(0);
    const place = CREATES[operation.name]?.(JSON.parse(text) as JsonObject);
    exchange.respond(
      place === undefined ? 200 : 201,
      {
        ...SAFE_HEADERS,
        "content-type": "application/json",
        "x-request-id": requestId,
        ...(place === undefined ? {} : { location: place }),
      },
      text,
    );
    return "OK";
  }

  #codecOf({ route }: Match): Codec {
    let codec = this.#codecs.get(route.operation.name);
    if (codec === undefined) {
      const { input, output } = route.operation.method;
      codec = {
        read: messageReader(input),
        print: messagePrinter(output),
        besideBody: input.fields.filter(({ name }) => name === "namespace"),
      };
      this.#codecs.set(route.operation.name, codec);
    }
    return codec;
  }
}

const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i;

/** Why this body cannot be read, from its headers. */
function unfitBody(exchange: Exchange): string | undefined {
  const type = exchange.header("content-type");
  if (type !== "application/json" && (type === undefined || !JSON_TYPE.test(type))) return "the body must be application/json";
  const encoding = exchange.header("content-encoding");
  return encoding === undefined || encoding === "identity" ? undefined : "the body must not be compressed (content-encoding: identity)";
}

function bodyOf(bytes: Buffer): JsonObject {
  try {
    const json = parseStrictJson(bytes);
    if (json === null || typeof json !== "object" || Array.isArray(json))
      throw new HsmError("INVALID_REQUEST", "the body: must be an object");
    return json;
  } finally {
    bytes.fill(0);
  }
}

/** Puts what the path and the query say beside what the body says; they must not contradict each other. */
function addOutside(json: JsonObject, { route, values }: Match, { besideBody }: Codec, query: string): void {
  for (const [field, value] of values) addOne(json, field, value);
  if (query === "") return;
  const { fields } = route.operation.method.input;
  for (const [field, value] of queryValues(query, route.body ? besideBody : fields)) addOne(json, field, value);
}

function addOne(json: JsonObject, field: DescField, value: JsonValue): void {
  const name = Object.hasOwn(json, field.jsonName) ? field.jsonName : field.name;
  const given = Object.hasOwn(json, name) ? json[name] : undefined;
  if (given !== undefined && given !== "" && given !== value)
    throw new HsmError("INVALID_REQUEST", `${field.name}: path, query and body say different things`);
  json[name] = value;
}
