/** `keystead metrics`, over addresses that answer as a server does, and as none does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { runIn } from "./recording-shell.ts";

const TEXT = `# HELP hsm_operations_total Operations
# TYPE hsm_operations_total counter
hsm_operations_total{operation="sign"} 7
hsm_operations_total{operation="none"} 0
# HELP hsm_operation_duration_seconds How long
# TYPE hsm_operation_duration_seconds histogram
hsm_operation_duration_seconds_bucket{le="0.001"} 1
hsm_operation_duration_seconds_bucket{le="+Inf"} 2
hsm_operation_duration_seconds_sum 3
hsm_operation_duration_seconds_count 2
`;

async function serving(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
}

test("all that is not zero is shown, or what a name says, as a table and as a document", async (context) => {
  const url = await serving(context, (_request, response) => response.end(TEXT));
  const all = await runIn({}, "metrics", "--url", url);
  assert.equal(all.exit, 0);
  assert.match(
    all.out.toString(),
    /^METRIC .*\nhsm_operations_total +operation=sign +7\nhsm_operation_duration_seconds +2 +mean 1\.5, 50 % <= 0\.001, 95 % <= Infinity\n$/,
  );
  const named = await runIn({ env: { KEYSTEAD_METRICS_URL: url } }, "metrics", "operations_total");
  assert.match(named.out.toString(), /operation=none +0\n/);
  assert.equal((await runIn({}, "metrics", "*duration*", "--url", url)).out.toString().split("\n").length, 3);
  const { metrics } = JSON.parse((await runIn({}, "metrics", "--url", url, "--json")).out.toString());
  assert.deepEqual(metrics[1], {
    name: "hsm_operation_duration_seconds",
    type: "histogram",
    labels: {},
    value: 2,
    mean: 1.5,
    quantiles: { 0.5: 0.001, 0.95: "+Inf" },
  });
});

test("a name that is none, an address that is none, and an answer that is none are mistakes", async (context) => {
  const url = await serving(context, ({ url: path }, response) => {
    if (path === "/metrics") response.end(TEXT);
    else if (path === "/page") response.end("<html></html>");
    else if (path === "/torn") {
      response.write(TEXT);
      response.destroy();
    } else response.writeHead(404).end();
  });
  for (const [args, told] of [
    [["nothing", "--url", url], /no metric 'nothing'/],
    [["--url", url.replace("/metrics", "/page")], /not metrics/],
    [["--url", url.replace("/metrics", "/other")], /answered 404/],
    [["--url", url.replace("/metrics", "/torn")], /cannot read/],
    [["--url", "http://127.0.0.1:1/metrics"], /cannot read/],
    [["--url", "file:///etc/passwd"], /not an http/],
    [[], /--url/],
  ] as const) {
    const { exit, err } = await runIn({}, "metrics", ...args);
    assert.equal(exit, 2);
    assert.match(err, told);
  }
});
