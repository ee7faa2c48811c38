/**
 * The REST routes, read from the google.api.http options of the service: one list for the gateway, the OpenAPI
 * document and the reference page.
 *
 * @see google/api/http.proto
 */
import { getOption, type DescField } from "@bufbuild/protobuf";
import { http } from "./generated/google/api/annotations_pb.ts";
import type { HttpRule } from "./generated/google/api/http_pb.ts";
import type { Operation } from "./operation.ts";
import { OPERATIONS } from "./operations/register.ts";

export interface RestRoute {
  readonly operation: Operation;
  readonly method: "GET" | "POST" | "DELETE" | "PUT" | "PATCH";
  /** Template with `{field}` segments. */
  readonly path: string;
  /** Segments; a field stands for one segment. */
  readonly segments: readonly (string | DescField)[];
  /** True when the request message comes in the body, otherwise in the query. */
  readonly body: boolean;
  /** The first route of its operation. */
  readonly primary: boolean;
}

/** Every route. @throws {TypeError} for a template this file does not understand */
export function restRoutes(): readonly RestRoute[] {
  return OPERATIONS.flatMap((operation) => {
    const rule = getOption(operation.method, http);
    return [rule, ...rule.additionalBindings].map((binding, index) => routeOf(operation, binding, index === 0));
  });
}

function routeOf(operation: Operation, rule: HttpRule, primary: boolean): RestRoute {
  const { case: verb, value: path } = rule.pattern;
  if (verb === undefined || verb === "custom") throw new TypeError(`${operation.name} has no REST route`);
  if (rule.body !== "" && rule.body !== "*") throw new TypeError(`${operation.name}: only whole-message bodies are supported`);
  const segments = path
    .slice(1)
    .split("/")
    .map((segment): string | DescField => {
      if (!segment.startsWith("{")) return segment;
      const field = operation.method.input.fields.find(({ name }) => name === segment.slice(1, -1));
      if (field === undefined) throw new TypeError(`${operation.name}: ${path} names no field of the request`);
      return field;
    });
  return { operation, method: verb.toUpperCase() as RestRoute["method"], path, segments, body: rule.body === "*", primary };
}
