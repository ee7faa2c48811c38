/**
 * REST: routes of the contract, JSON in, JSON out.
 *
 * The surface turns JSON into the request message and the answer back; whether the message makes sense is the vault's
 * question. Every answer carries the request id.
 */
import { fromBinary, toBinary, type DescField, type Message } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { parseStrictJson } from "@keystead/contract/json";
import { messageFromJson, messageToJson, setField, single } from "@keystead/contract/json-message";
import type { Operation } from "@keystead/contract/operation";
import { requestIdOf } from "../../evidence/evidence.ts";
import { refusalOf, type Desk } from "../../forward.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS, problem } from "./problem.ts";
import { Router, type Match } from "./router.ts";

/** Operations whose success is 201 with the place of what was made. */
const CREATES: Readonly<Record<string, (message: Record<string, unknown>) => string>> = Object.freeze({
  GenerateKey: keyPlace,
  ImportKey: keyPlace,
  CreateNamespace: (message) => `/api/v1/namespaces/${encodeURIComponent(String((message["namespace"] as { namespace?: string } | undefined)?.namespace))}`,
});

function keyPlace(message: Record<string, unknown>): string {
  const key = message["key"] as { namespace?: string; keyId?: string } | undefined;
  return `/api/v1/namespaces/${encodeURIComponent(String(key?.namespace))}/keys/${encodeURIComponent(String(key?.keyId))}`;
}

/** The surface. */
export function restSurface(desk: Desk): Dispatch {
  const router = new Router();
  return (exchange) => {
    const requestId = requestIdOf(exchange);
    answer(desk, router, exchange, requestId).then(
      (code) => desk.measurements.answered("rest", code),
      (thrown: unknown) => {
        const error = refusalOf(thrown);
        desk.measurements.answered("rest", error.code);
        problem(exchange, requestId, error);
      },
    );
  };
}

async function answer(desk: Desk, router: Router, exchange: Exchange, requestId: string): Promise<string> {
  const found = router.find(exchange.method, exchange.path);
  if (found === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such path");
  if ("allowed" in found) {
    const allow = found.allowed.includes("GET") ? [...found.allowed, "HEAD"] : found.allowed;
    problem(exchange, requestId, new HsmError("INVALID_REQUEST", `${exchange.method} is not possible here`), { status: 405, headers: { allow: allow.join(", ") } });
    return "INVALID_REQUEST";
  }
  const request = await requestOf(desk, exchange, requestId, found);
  if (request === undefined) return "INVALID_REQUEST";
  return reply(desk, exchange, requestId, found.route.operation, request);
}

/** Forwards a request message and answers with the response as JSON. */
export async function reply(desk: Desk, exchange: Exchange, requestId: string, operation: Operation, request: Message): Promise<string> {
  const bytes = await desk.forward(exchange, { operation, requestId, body: toBinary(operation.method.input, request), deadlineMs: undefined });
  const message = fromBinary(operation.method.output, bytes);
  const text = Buffer.from(JSON.stringify(messageToJson(operation.method.output, message)), "utf8");
  bytes.fill(0);
  const place = CREATES[operation.name]?.(message as unknown as Record<string, unknown>);
  exchange.respond(place === undefined ? 200 : 201, {
    ...SAFE_HEADERS, "content-type": "application/json", "x-request-id": requestId, ...(place === undefined ? {} : { location: place }),
  }, text);
  return "OK";
}

async function requestOf(desk: Desk, exchange: Exchange, requestId: string, { route, values }: Match): Promise<Message | undefined> {
  const desc = route.operation.method.input;
  let message: Message;
  if (route.body) {
    const bytes = await exchange.readBody(desk.bodyBytes);
    if (bytes.length > 0 && !isJson(exchange.header("content-type"))) {
      problem(exchange, requestId, new HsmError("INVALID_REQUEST", "the body must be application/json"), { status: 415 });
      return undefined;
    }
    message = messageFromJson(desc, bytes.length === 0 ? {} : parseStrictJson(bytes));
    bytes.fill(0);
    if (exchange.query !== "") fillFromQuery(message, desc.fields.filter(({ name }) => name === "namespace"), exchange.query, new Set());
  } else {
    message = messageFromJson(desc, {});
    fillFromQuery(message, desc.fields, exchange.query, new Set(values.map(([field]) => field)));
  }
  for (const [field, value] of values) {
    const target = message as unknown as Record<string, unknown>;
    const given = target[field.localName];
    if (given !== "" && given !== value) throw new HsmError("INVALID_REQUEST", `${field.name}: the path says otherwise`);
    target[field.localName] = value;
  }
  return message;
}

const isJson = (type: string | undefined): boolean => type !== undefined && /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type);

/** Query parameters as fields. Lists may be repeated or separated by commas. */
function fillFromQuery(message: Message, fields: readonly DescField[], query: string, taken: ReadonlySet<DescField>): void {
  const target = message as unknown as Record<string, unknown>;
  const seen = new Set<DescField>();
  for (const [name, text] of new URLSearchParams(query)) {
    const field = fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field === undefined) throw new HsmError("INVALID_REQUEST", `${name.slice(0, 64)}: there is no such parameter`);
    if (field.fieldKind === "list") {
      (target[field.localName] as unknown[]).push(...text.split(",").filter((item) => item !== "").map((item) => single(field, item, field.name)));
      continue;
    }
    if (taken.has(field) || seen.has(field)) throw new HsmError("INVALID_REQUEST", `${field.name}: is given twice`);
    seen.add(field);
    if (text === "" && field.fieldKind !== "message") continue;
    const value = field.fieldKind === "scalar" && (text === "true" || text === "false") && field.scalar === 8 ? text === "true" : text;
    setField(message, field, single(field, value, field.name), field.name);
  }
}
