/**
 * The OpenAPI 3.1 document of the REST surface, made from the same descriptors that the gateway routes and reads by.
 *
 * Nothing here is written by hand twice: paths come from google.api.http, limits from the validation rules, spellings
 * from the enum tables, errors from the error table. A rule that has no JSON Schema form here throws, so that the
 * document can never promise less than the server asks.
 *
 * @see https://spec.openapis.org/oas/v3.1.1; JSON Schema 2020-12
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { mayNeedApproval } from "./approval-scope.ts";
import { ERRORS, ERROR_CODES, type ErrorCode } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import { OPERATIONS } from "./operations/register.ts";
import { messageSchema, neededFields, parameterSchema, type Comments, type Direction } from "./openapi-schema.ts";
import { restRoutes, type RestRoute } from "./routes.ts";
import { VERSION } from "./version.ts";

type Json = { [name: string]: JsonValue };

/** Operations that answer 201 with the place of what they made. */
const CREATES: ReadonlySet<string> = new Set(["GenerateKey", "ImportKey", "CreateNamespace"]);

export interface OpenApiOptions {
  /** Comments of the proto by full name (generated/comments.json); without them the document has no descriptions. */
  readonly comments?: Comments;
  /** True where callers need no credential: the plaintext listeners of the development preset. */
  readonly anonymous?: boolean;
}

/**
 * The document.
 *
 * @example
 * JSON.stringify(openApiDocument({ comments }));
 */
export function openApiDocument({ comments = {}, anonymous = false }: OpenApiOptions = {}): Json {
  const paths: { [path: string]: Json } = {};
  for (const route of restRoutes()) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationObject(route, comments);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Keystead",
      version: VERSION,
      summary: "A software HSM: keys are used, recorded and never handed out.",
      description:
        "Binary values are base64. Field names are snake_case; camelCase is accepted. Algorithms and digests are accepted in any spelling of the reference page and printed in the one given here.",
      license: { name: "MIT OR Apache-2.0", identifier: "MIT OR Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { clientCertificate: [] }, ...(anonymous ? [{}] : [])],
    tags: [...new Set(OPERATIONS.map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        clientCertificate: { type: "mutualTLS", description: "A client certificate of the configured authority." },
      },
      schemas: { ...schemas(comments), Problem: PROBLEM, Waiting: WAITING },
      responses: {
        Waiting: WAITING_RESPONSE,
        ...Object.fromEntries(problemStatuses().map((status) => [`Problem${status}`, problemResponse(status)])),
      },
      headers: {
        RequestId: {
          description: "The request's id: the caller's X-Request-Id when it was well-formed, otherwise a new one.",
          schema: { type: "string" },
        },
      },
    },
  };
}

const tagOf = ({ permission }: { readonly permission: string }): string => permission.split(":")[0] as string;

/** `POST /api/v1/namespaces/{namespace}/keys` is `generateKeyInNamespace`. */
const idOf = ({ operation, primary }: RestRoute): string =>
  `${operation.name.charAt(0).toLowerCase()}${operation.name.slice(1)}${primary ? "" : "InNamespace"}`;

function operationObject(route: RestRoute, comments: Comments): Json {
  const { operation } = route;
  const { input, output } = operation.method;
  const inPath = route.segments.filter((segment): segment is DescField => typeof segment !== "string");
  const description = comments[`${operation.method.parent.typeName}.${operation.name}`];
  const created = CREATES.has(operation.name);
  const success: Json = {
    description: created ? "Made; Location names its place." : "Done.",
    headers: {
      "X-Request-Id": { $ref: "#/components/headers/RequestId" },
      ...(created ? { Location: { description: "Path of what was made.", schema: { type: "string", format: "uri-reference" } } } : {}),
    },
    content: { "application/json": { schema: { $ref: `#/components/schemas/${output.name}` } } },
  };
  return {
    operationId: idOf(route),
    tags: [tagOf(operation)],
    summary: firstSentence(description) ?? operation.name,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(route, inPath, comments),
    ...(route.body ? { requestBody: bodyOf(input, inPath, comments) } : {}),
    responses: {
      [created ? "201" : "200"]: success,
      ...(mayNeedApproval(operation) ? { "202": { $ref: "#/components/responses/Waiting" } } : {}),
      ...Object.fromEntries(
        problemStatuses()
          .filter((status) => route.body || (status !== 415 && status !== 413))
          .map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
      ),
    },
  };
}

const firstSentence = (text: string | undefined): string | undefined => text?.split(/(?<=\.)\s/)[0]?.replace(/\.$/, "");

function parametersOf(route: RestRoute, inPath: readonly DescField[], comments: Comments): Json[] {
  const rest = route.operation.method.input.fields.filter((field) => !inPath.includes(field));
  const inQuery = route.body ? [] : rest;
  return [...inPath.map((field) => parameter(field, "path", comments)), ...inQuery.map((field) => parameter(field, "query", comments))];
}

function parameter(field: DescField, place: "path" | "query", comments: Comments): Json {
  const description = comments[`${field.parent.typeName}.${field.name}`];
  const schema = parameterSchema(field);
  // A path segment is never empty, whatever the field may be elsewhere.
  if (place === "path") schema["minLength"] = Math.max(1, Number(schema["minLength"] ?? 0));
  return {
    name: field.name,
    in: place,
    required: place === "path" || neededFields(field.parent).includes(field.name),
    ...(description === undefined ? {} : { description }),
    schema,
    ...(field.fieldKind === "list" ? { style: "form", explode: true } : {}),
  };
}

function bodyOf(input: DescMessage, inPath: readonly DescField[], comments: Comments): Json {
  const left = neededFields(input).filter((name) => !inPath.some((field) => field.name === name));
  return { required: left.length > 0, content: { "application/json": { schema: messageSchema(input, "request", comments, inPath) } } };
}

/** Messages that the document refers to by name: every answer, and what requests and answers are made of. */
function schemas(comments: Comments): Json {
  const found: Json = {};
  const visit = (desc: DescMessage, direction: Direction, named: boolean): void => {
    if (desc.file.proto.package !== "hsm" || (named && desc.name in found)) return;
    if (named) found[desc.name] = messageSchema(desc, direction, comments);
    for (const field of desc.fields) if (field.message !== undefined) visit(field.message, direction, true);
  };
  for (const { method } of OPERATIONS) {
    visit(method.input, "request", false);
    visit(method.output, "response", true);
  }
  return found;
}

const PROBLEM: Json = Object.freeze({
  type: "object",
  description: "An error (RFC 9457).",
  required: ["type", "title", "status", "detail", "code", "number", "request_id"],
  properties: {
    type: { type: "string", format: "uri", examples: ["urn:keystead:error:OBJECT_NOT_FOUND"] },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string" },
    code: { type: "string", enum: [...ERROR_CODES] },
    number: { type: "integer", minimum: 100, maximum: 109 },
    request_id: { type: "string" },
    retry_after_seconds: { type: "integer", minimum: 1 },
    nothing_done: {
      type: "boolean",
      description: "True: refused before anything was decided or done, so the same may be asked again. Absent: it may have been performed.",
    },
  },
});

const WAITING: Json = Object.freeze({
  type: "object",
  description: "The request was not performed yet: others must agree to it first.",
  required: ["status", "approval_id", "code", "number", "detail", "request_id"],
  properties: {
    status: { type: "string", enum: ["pending"] },
    approval_id: { type: "string" },
    code: { type: "string", enum: ["APPROVAL_REQUIRED"] },
    number: { type: "integer", enum: [ERRORS.APPROVAL_REQUIRED.number] },
    detail: { type: "string" },
    request_id: { type: "string" },
    retry_after_seconds: { type: "integer", minimum: 1 },
  },
});

const WAITING_RESPONSE: Json = Object.freeze({
  description: "Others must agree first; Location names the pending request.",
  headers: {
    "X-Request-Id": { $ref: "#/components/headers/RequestId" },
    Location: { description: "Path of the pending request.", schema: { type: "string", format: "uri-reference" } },
    "Retry-After": { description: "Seconds after which it is worth looking.", schema: { type: "integer" } },
  },
  content: { "application/json": { schema: { $ref: "#/components/schemas/Waiting" } } },
});

/** Statuses an answer can have besides success: those of the error table, 405 and 415. 499 is never sent, 202 is no problem. */
function problemStatuses(): readonly number[] {
  return [...new Set([405, 415, ...ERROR_CODES.map((code) => ERRORS[code].http)])]
    .filter((status) => status !== 499 && status !== ERRORS.APPROVAL_REQUIRED.http)
    .sort((a, b) => a - b);
}

function problemResponse(status: number): Json {
  const codes = ERROR_CODES.filter((code: ErrorCode) => ERRORS[code].http === status);
  const retries = status === 429 || status === 503;
  return {
    description:
      codes.length === 0
        ? status === 405
          ? "The path has no such method; Allow names those it has."
          : "The body must be application/json."
        : codes.map((code) => `${code}: ${ERRORS[code].title}.`).join(" "),
    headers: {
      "X-Request-Id": { $ref: "#/components/headers/RequestId" },
      ...(retries ? { "Retry-After": { description: "Seconds after which a retry is worth trying.", schema: { type: "integer" } } } : {}),
      ...(status === 401 ? { "WWW-Authenticate": { schema: { type: "string" } } } : {}),
      ...(status === 405 ? { Allow: { schema: { type: "string" } } } : {}),
    },
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}
