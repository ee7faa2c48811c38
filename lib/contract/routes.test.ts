import assert from "node:assert/strict";
import { test } from "node:test";
import { OPERATIONS } from "./operations/register.ts";
import { restRoutes } from "./routes.ts";

test("every operation has a primary route, and no two routes are the same", () => {
  const routes = restRoutes();
  assert.deepEqual(
    routes.filter(({ primary }) => primary).map(({ operation }) => operation.name),
    OPERATIONS.map(({ name }) => name),
  );
  const shapes = routes.map(
    ({ method, segments }) => `${method} ${segments.map((segment) => (typeof segment === "string" ? segment : "{}")).join("/")}`,
  );
  assert.equal(new Set(shapes).size, shapes.length);
});

test("the paths of the oldest API are there", () => {
  const listed = new Set(restRoutes().map(({ method, path }) => `${method} ${path}`));
  for (const route of [
    "POST /api/v1/keys",
    "GET /api/v1/keys/{key_id}",
    "POST /api/v1/keys/{key_id}/sign",
    "DELETE /api/v1/namespaces/{namespace}/keys/{key_id}",
  ])
    assert.ok(listed.has(route), route);
});
