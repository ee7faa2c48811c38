/**
 * Alerts of a running server, as its operator meets them: in the log, in the list, in the metrics and in the audit log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "./running-server.ts";
import { hangUp, http } from "./surfaces.ts";

test("what is wrong from the start is told of by the vault, and by the gateway through the vault", async (context) => {
  const server = await serve({
    config: { alerts: { interval_seconds: 1, disk_free: 1, certificate_seconds: "9000d" } },
  });
  context.after(async () => {
    hangUp();
    await server.stop();
  });
  const [ca, cert, key] = ["ca.pem", "admin.pem", "admin-key.pem"].map((name) => server.credential(name)) as [string, string, string];
  const door = { origin: server.api, ca, cert, key };
  for (const alert of ["disk", "certificate_expiry"])
    await server.record(({ message, ...fields }) => message === "an alert fires" && fields["alert"] === alert);
  const ask = async (path: string) =>
    JSON.parse((await http(door, "GET", path)).body.toString()) as Record<string, Record<string, string>[]>;
  const { alerts = [] } = await ask("/api/v1/alerts?firing=true");
  const disk = alerts.find(({ subject }) => subject === "data");
  assert.deepEqual([disk?.["alert"], disk?.["state"], disk?.["severity"], disk?.["threshold"]], ["disk", "firing", "critical", "1"]);
  assert.ok(alerts.some((one) => one["alert"] === "certificate_expiry" && one["subject"] === "server"));
  const metrics = (await http({ origin: `http://${server.addresses["metrics"]}` }, "GET", "/metrics")).body.toString();
  assert.match(metrics, /^hsm_alerts_firing\{alert="disk"\} [12]$/m);
  assert.match(metrics, /^hsm_alerts_firing\{alert="integrity"\} 0$/m);
  const { events = [] } = await ask("/api/v1/audit?action=RaiseAlert");
  assert.ok(JSON.stringify(events).includes("alert.disk.data"));
});
