import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiDocument } from "./openapi.ts";
import { OPERATIONS } from "./operations/register.ts";
import { restRoutes } from "./routes.ts";

interface Operation {
  readonly operationId: string;
  readonly description?: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Record<string, unknown>;
  }[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: {
      readonly "application/json": {
        readonly schema: {
          readonly properties: Record<string, Record<string, unknown>>;
          readonly required?: readonly string[];
          readonly additionalProperties: boolean;
        };
      };
    };
  };
  readonly responses: Record<string, unknown>;
}
const document = openApiDocument() as unknown as {
  readonly openapi: string;
  readonly security: readonly object[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<
      string,
      { readonly required?: readonly string[]; readonly properties: Record<string, Record<string, unknown>> }
    >;
  };
};
const at = (path: string, method: string): Operation => document.paths[path]?.[method] as Operation;

test("every route of every operation is in the document, and nothing else", () => {
  const listed = Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .sort();
  assert.deepEqual(
    listed,
    restRoutes()
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
  );
  assert.equal(new Set(restRoutes().map(({ operation }) => operation.name)).size, OPERATIONS.length);
});

test("operation ids are unique and every reference has a target", () => {
  const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  assert.equal(new Set(ids).size, ids.length);
  for (const match of JSON.stringify(document).matchAll(/"#\/components\/([\w/]+)"/g)) {
    const name = match[1] as string;
    let target: unknown = document.components;
    for (const key of name.split("/")) target = (target as Record<string, unknown> | undefined)?.[key];
    assert.ok(target !== undefined, name);
  }
});

test("validation rules stand in the schemas", () => {
  const sign = at("/api/v1/keys/{key_id}/sign", "post");
  assert.deepEqual(
    sign.parameters.map(({ name, in: place, required }) => [name, place, required]),
    [["key_id", "path", true]],
  );
  assert.deepEqual(sign.parameters[0]?.schema, {
    type: "string",
    minLength: 1,
    maxLength: 128,
    pattern: "^[A-Za-z0-9._-]{1,128}$",
    not: { enum: [".", ".."] },
  });
  const generate = at("/api/v1/keys", "post").requestBody;
  assert.equal(generate?.required, true);
  const schema = generate?.content["application/json"].schema;
  assert.deepEqual(schema?.required, ["algorithm"]);
  assert.equal(schema?.additionalProperties, false);
  assert.ok((schema?.properties["algorithm"]?.["enum"] as string[]).includes("ECDSA-P256"));
  assert.equal(schema?.properties["tags"]?.["maxItems"], 64);
  const material = at("/api/v1/keys/import", "post").requestBody?.content["application/json"].schema.properties["key_material"];
  assert.deepEqual([material?.["contentEncoding"], material?.["minLength"], material?.["maxLength"]], ["base64", 4, 21848]);
  assert.deepEqual(
    at("/api/v1/keys/{key_id}/data-key", "post").requestBody?.content["application/json"].schema.properties["size_bytes"]?.["enum"],
    [0, 16, 24, 32],
  );
});

test("fields of the path are not asked for in the body, other fields of a GET come by query", () => {
  const body = at("/api/v1/namespaces/{namespace}/keys", "post").requestBody?.content["application/json"].schema;
  assert.equal(body?.properties["namespace"], undefined);
  const list = at("/api/v1/namespaces/{namespace}/keys", "get").parameters;
  assert.deepEqual(
    list.filter((parameter) => parameter.in === "path").map(({ name }) => name),
    ["namespace"],
  );
  assert.ok(list.some(({ name, in: place }) => name === "per_page" && place === "query"));
});

test("answers promise scalars and lists, not messages and enums", () => {
  assert.deepEqual(document.components.schemas["VerifyResponse"]?.required, ["valid", "version"]);
  assert.deepEqual(document.components.schemas["GetKeyResponse"]?.required, undefined);
  assert.ok(document.components.schemas["Key"]?.required?.includes("usage"));
  assert.deepEqual(document.components.schemas["AuditEvent"]?.properties["sequence"], { type: "string", pattern: "^[0-9]{1,20}$" });
});

test("creation answers 201, everything has its refusals", () => {
  assert.ok("201" in at("/api/v1/keys", "post").responses);
  assert.ok("200" in at("/api/v1/hash", "post").responses);
  for (const methods of Object.values(document.paths))
    for (const { responses } of Object.values(methods))
      for (const status of ["400", "401", "403", "404", "405", "500", "503"]) assert.ok(status in responses);
});

test("comments become descriptions, and development says that no credential is needed", () => {
  const described = openApiDocument({
    comments: { "hsm.HsmService.Sign": "Signs data. The vault hashes the data itself." },
    anonymous: true,
  }) as unknown as typeof document;
  const sign = described.paths["/api/v1/keys/{key_id}/sign"]?.["post"] as Operation & { readonly summary: string };
  assert.deepEqual([sign.summary, sign.description], ["Signs data", "Signs data. The vault hashes the data itself."]);
  assert.deepEqual([described.security.length, document.security.length], [3, 2]);
});
