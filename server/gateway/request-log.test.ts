import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { createLogger } from "@keystead/contract/logging";
import type { LogLevel } from "@keystead/contract/config";
import { RequestLog } from "./request-log.ts";
import { http1 } from "./testing/http.ts";
import { testGateway } from "./testing/test-gateway.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;

function requestLog(level: LogLevel) {
  const records: Record<string, unknown>[] = [];
  const counted: string[] = [];
  const log = createLogger({
    part: "gateway",
    version: "7",
    level,
    write: (line) => records.push(JSON.parse(line) as Record<string, unknown>),
  });
  const requests = new RequestLog({ answered: (surface, code) => void counted.push(`${surface} ${code}`) }, log);
  const told = (trace?: string) => ({ surface: "rest", requestId: "r-1", exchange: { header: () => trace } });
  return { requests, records, counted, told };
}

test("every request is counted; at level debug it has a line with its id and its caller's trace", () => {
  const { requests, records, counted, told } = requestLog("debug");
  requests.answered(told(TRACEPARENT), "OK");
  requests.failed(told("no trace"), new HsmError("OBJECT_NOT_FOUND", "no key"));
  assert.deepEqual(counted, ["rest OK", "rest OBJECT_NOT_FOUND"]);
  assert.deepEqual(
    records.map(({ time: _time, ...record }) => record),
    [
      {
        level: "debug",
        version: "7",
        part: "gateway",
        message: "answered",
        surface: "rest",
        requestId: "r-1",
        traceId: TRACE_ID,
        code: "OK",
      },
      { level: "debug", version: "7", part: "gateway", message: "answered", surface: "rest", requestId: "r-1", code: "OBJECT_NOT_FOUND" },
    ],
  );
});

test("what nobody foresaw is told of at every level, and its caller hears nothing of it", () => {
  const { requests, records, told } = requestLog("error");
  requests.answered(told(), "OK");
  requests.failed(told(), new HsmError("INVALID_REQUEST", "meant"));
  const error = requests.failed(told(TRACEPARENT), new TypeError("a mistake of ours"));
  assert.deepEqual([error.code, error.detail.includes("mistake")], ["INTERNAL", false]);
  assert.equal(records.length, 1);
  const [{ message, requestId, traceId, detail } = {}] = records;
  assert.deepEqual([message, requestId, traceId, detail], ["a request failed unexpectedly", "r-1", TRACE_ID, "a mistake of ours"]);
});

test("a request's id is its caller's, comes back with the answer, and is in the line about it; a path is not", async (context) => {
  const { address, lines } = await testGateway(context, { GetStatus: () => ({}) });
  const { headers } = await http1(address("health"), "/api/v1/status", { headers: { "x-request-id": "mine-1", traceparent: TRACEPARENT } });
  assert.equal(headers["x-request-id"], "mine-1");
  const other = await http1(address("health"), "/api/v1/keys/a-name/nowhere", { headers: { "x-request-id": "not well-formed!" } });
  const given = other.headers["x-request-id"] as string;
  assert.match(given, /^[0-9a-f]{8}-/);
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ message }) => message === "answered");
  assert.deepEqual(
    told.map(({ requestId, traceId, code }) => [requestId, traceId, code]),
    [
      ["mine-1", TRACE_ID, "OK"],
      [given, undefined, "OPERATION_NOT_SUPPORTED"],
    ],
  );
  assert.ok(!lines.join("").includes("a-name"));
});
