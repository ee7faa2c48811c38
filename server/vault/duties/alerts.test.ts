import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ALERT_NAMES, ALERTS, type AlertReading as Reading, type AlertsConfig } from "@keystead/contract/alerts";
import { eventTypeOf } from "@keystead/contract/event-types";
import { ListAlertsRequestSchema } from "@keystead/contract/generated/hsm/alerts_pb";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { decodeFacts, encodeFacts, type GatewayFacts } from "@keystead/channel/gateway-facts";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { listAlerts } from "@keystead/contract/operations/list-alerts";
import { HsmError } from "@keystead/contract/errors";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { AlertStates } from "./alert-states.ts";
import { Alerts } from "./alerts.ts";
import { OperationWindow } from "./operation-window.ts";
import type { Disk } from "./sizes.ts";

const CONFIG: AlertsConfig = {
  enabled: true,
  intervalSeconds: 10,
  holdSeconds: 60,
  latencySeconds: 0.5,
  errorRate: 0.01,
  saturation: 0.8,
  diskFree: 0.1,
  failedLoginsPerMinute: 30,
  certificateSeconds: 14 * 86_400,
  keySeconds: 14 * 86_400,
};

const reading = (value: number, alert: Reading["alert"] = "latency"): Reading => ({
  alert,
  subject: "",
  value,
  threshold: 100,
  detail: "",
});

/** Turns that values ten seconds apart make. */
function turns(values: readonly number[], alert?: Reading["alert"]): string[] {
  const states = new AlertStates(30_000);
  return values.flatMap((value, at) => states.take([reading(value, alert)], at * 10_000).map(({ state }) => `${at} ${state}`));
}

test("an alert fires once its condition has held for a while, and once however long it goes on", () => {
  assert.deepEqual(turns([101, 101, 101]), []);
  assert.deepEqual(turns([101, 101, 101, 101, 101, 500, 101]), ["3 firing"]);
  assert.deepEqual(turns([101, 101, 99, 101, 101, 101, 101]), ["6 firing"], "a moment's rest begins it anew");
});

test("it is resolved once the value is well within the threshold for a while, so that what wavers changes nothing", () => {
  const fired = [101, 101, 101, 101];
  assert.deepEqual(turns([...fired, 99, 101, 95, 99, 101, 91, 99, 95, 101]), ["3 firing"]);
  assert.deepEqual(turns([...fired, 90, 80, 70, 60, 50, 101, 101, 101, 101]), ["3 firing", "7 resolved", "12 firing"]);
  assert.deepEqual(turns([...fired, 80, 80, 95, 80, 80, 80, 80]), ["3 firing", "10 resolved"]);
});

test("what cannot waver fires at once; low values are the bad ones where the table says so", () => {
  assert.deepEqual(turns([101, 99], "disk"), ["1 firing"]);
  assert.deepEqual(turns([99, 105, 109, 99, 111, 99], "disk"), ["0 firing", "4 resolved", "5 firing"]);
});

test("a window tells what happened since the last look, and nothing of before", () => {
  const window = new OperationWindow();
  assert.deepEqual(window.take(), { operations: 0, faults: 0, unauthenticated: 0, p99Seconds: undefined });
  for (let index = 0; index < 98; index += 1) window.observe("OK", 0.001);
  window.observe("INTERNAL", 2);
  window.observe("UNAUTHENTICATED", 2);
  const { p99Seconds = 0, ...counts } = window.take();
  assert.deepEqual(counts, { operations: 100, faults: 1, unauthenticated: 1 });
  assert.ok(p99Seconds >= 2 && p99Seconds <= 2.3, String(p99Seconds));
  window.observe("PERMISSION_DENIED", 0.001);
  assert.deepEqual([window.take().faults, window.take().operations], [0, 0]);
});

test("of what the gateway says only names with numbers count, whatever it sends", () => {
  const facts: GatewayFacts = { saturation: { in_flight: 0.5 }, certificates: { server: 1 } };
  assert.deepEqual(decodeFacts(encodeFacts(facts)), facts);
  for (const wrong of ["", "null", "[]", "7", '{"saturation":7}', '{"saturation":{"A B":1,"x":"1","y":null},"certificates":[]}'])
    assert.deepEqual(decodeFacts(Buffer.from(wrong)), { saturation: {}, certificates: {} }, wrong);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`n${"a".repeat(index % 20)}${"b".repeat(index % 7)}`, 1]));
  assert.ok(Object.keys(decodeFacts(encodeFacts({ saturation: many, certificates: {} })).saturation).length <= 16);
});

type Sinks = { state: "delivering" | "waiting" | "blocked"; leftAlone: boolean; missedNow: number }[];

/** A vault that is watched; what is seen, the test says. */
async function watched() {
  const vault = await ClockedVault.open();
  const window = new OperationWindow();
  const seen = {
    saturation: 0,
    disks: [] as Disk[],
    violations: 0,
    gateway: undefined as GatewayFacts | undefined,
    sinks: [] as Sinks,
    normal: true,
  };
  const alerts = new Alerts({
    config: CONFIG,
    log: vault.log,
    now: () => vault.now,
    sources: {
      window: () => window.take(),
      saturation: () => seen.saturation,
      disks: () => Promise.resolve(seen.disks),
      violations: () => seen.violations,
      integrity: () => "broken: audit log: event 7: the line does not verify",
      sinks: () => seen.sinks,
      gateway: () => seen.gateway,
    },
  });
  const open = (): void => alerts.open(vault.vault, () => seen.normal);
  vault.alerts = alerts;
  open();
  const events = async (): Promise<string[]> =>
    (await vault.events()).flatMap((event) => {
      const type = eventTypeOf(event as never);
      return type.startsWith("alert.") ? [`${type} ${event.request}`] : [];
    });
  return { vault, window, seen, alerts, open, events, firing: () => [...alerts.firing().keys()] };
}

test("a full disk, a certificate and the gateway's limits are told of, recorded and listed", async () => {
  const { vault, seen, alerts, events } = await watched();
  seen.disks = [
    { disk: "data", size: 1000, free: 50 },
    { disk: "audit", size: 1000, free: 500 },
  ];
  seen.gateway = { saturation: { in_flight: 0.9 }, certificates: { server: vault.now + 86_400_000, ca: vault.now + 100 * 86_400_000 } };
  await alerts.look();
  await alerts.look();
  assert.deepEqual(await events(), ["alert.firing alert.certificate_expiry.server", "alert.firing alert.disk.data"]);
  vault.now += 61_000;
  await alerts.look();
  seen.disks = [{ disk: "data", size: 1000, free: 500 }];
  seen.gateway = undefined;
  await alerts.look();
  assert.deepEqual((await events()).slice(2), ["alert.firing alert.saturation.in_flight", "alert.resolved alert.disk.data"]);
  const { alerts: listed } = await vault.askFrom({ roles: ["Auditor"] }, listAlerts, create(ListAlertsRequestSchema, {}));
  assert.deepEqual(
    listed.map(({ alert, subject, state }) => `${alert} ${subject} ${state}`),
    ["saturation in_flight firing", "certificate_expiry server firing", "disk data resolved"],
  );
  const [, , disk] = listed;
  assert.deepEqual([disk?.severity, disk?.threshold, disk?.value, disk?.until], ["critical", "0.1", "0.5", timestampFromMs(vault.now)]);
  const { alerts: firing } = await vault.askFrom({ roles: ["Operator"] }, listAlerts, create(ListAlertsRequestSchema, { firing: true }));
  assert.equal(firing.length, 2);
  assert.equal(await vault.codeOf(vault.askFrom({ roles: ["KeyUser"] }, listAlerts, {})), "PERMISSION_DENIED");
});

test("latency, failures and refused logins must hold; few operations say nothing", async () => {
  const { vault, window, alerts, firing } = await watched();
  const look = async (count: number, outcome: string, seconds: number): Promise<void> => {
    vault.now += 10_000;
    for (let index = 0; index < count; index += 1) window.observe(outcome, seconds);
    await alerts.look();
  };
  for (let index = 0; index < 20; index += 1) await look(9, "INTERNAL", 3);
  assert.deepEqual(firing(), []);
  for (let index = 0; index < 6; index += 1) await look(20, "OK", 3);
  assert.deepEqual(firing(), []);
  await look(20, "OK", 3);
  assert.deepEqual(firing(), ["latency"]);
  for (let index = 0; index < 7; index += 1) await look(20, "INTERNAL", 0.001);
  assert.deepEqual(firing(), ["error_rate"]);
  for (let index = 0; index < 7; index += 1) await look(20, "UNAUTHENTICATED", 0.001);
  assert.deepEqual(firing(), ["failed_logins"]);
});

test("sinks that get nothing for a while are told of, and events that a sink missed at once", async () => {
  const { vault, seen, alerts, events } = await watched();
  const look = async (): Promise<void> => {
    vault.now += 31_000;
    await alerts.look();
  };
  const fine = { state: "delivering", leftAlone: false, missedNow: 0 } as const;
  seen.sinks = [fine, { state: "waiting", leftAlone: true, missedNow: 0 }, { ...fine, missedNow: 7 }];
  await look();
  assert.deepEqual(await events(), ["alert.firing alert.delivery_gap"]);
  for (const _ of [1, 2, 3]) await look();
  assert.deepEqual((await events()).slice(1), ["alert.firing alert.delivery"]);
  const gap = alerts.list().find(({ alert }) => alert === "delivery_gap");
  assert.deepEqual([gap?.value, gap?.detail], [7, "7 events since the vault was opened"]);
  seen.sinks = [fine];
  for (const _ of [1, 2, 3, 4]) await look();
  assert.deepEqual((await events()).slice(2), ["alert.resolved alert.delivery_gap", "alert.resolved alert.delivery"]);
});

test("a restart forgets no alert and fires none twice", async () => {
  const { vault, seen, alerts, open, events } = await watched();
  seen.disks = [{ disk: "data", size: 1000, free: 50 }];
  await alerts.look();
  const since = alerts.list()[0]?.since;
  await alerts.close();
  vault.now += 5_000;
  await vault.reopen();
  const again = new Alerts({
    config: CONFIG,
    log: vault.log,
    now: () => vault.now,
    sources: {
      window: () => new OperationWindow().take(),
      saturation: () => 0,
      disks: () => Promise.resolve(seen.disks),
      violations: () => 0,
      integrity: () => "broken: audit log: event 7: the line does not verify",
      sinks: () => [],
      gateway: () => undefined,
    },
  });
  again.open(vault.vault, () => true);
  open();
  await again.look();
  assert.deepEqual([again.list()[0]?.since, again.list()[0]?.state], [since, "firing"]);
  seen.disks = [{ disk: "data", size: 1000, free: 900 }];
  await again.look();
  assert.deepEqual(await events(), ["alert.firing alert.disk.data", "alert.resolved alert.disk.data"]);
});

test("damage is told of at once, in maintenance too, where no document is changed", async () => {
  const { vault, seen, alerts, events } = await watched();
  seen.violations = 1;
  seen.normal = false;
  await alerts.look();
  await alerts.look();
  assert.deepEqual(await events(), ["alert.firing alert.integrity"]);
  assert.equal(vault.vault.documents.count("alert"), 0);
  assert.ok(vault.lines.some((line) => line.includes('"level":"error"') && line.includes("an alert fires") && line.includes("event 7")));
});

test("what cannot be recorded is recorded later, once", async () => {
  const { vault, seen, alerts, events } = await watched();
  const { documents, objects, note } = vault.vault;
  let broken = true;
  alerts.open(
    {
      note,
      objects,
      documents: {
        list: () => [],
        record: (...all) => (broken ? Promise.reject(new HsmError("AUDIT_UNAVAILABLE", "full")) : documents.record(...all)),
      },
    },
    () => true,
  );
  seen.disks = [{ disk: "data", size: 1000, free: 50 }];
  await alerts.look();
  await alerts.look();
  assert.equal(alerts.list()[0]?.state, "firing");
  assert.deepEqual(await events(), []);
  broken = false;
  await alerts.look();
  await alerts.look();
  assert.deepEqual(await events(), ["alert.firing alert.disk.data"]);
});

test("keys in use that end soon are counted, and not named", async () => {
  const { vault, alerts } = await watched();
  for (const [keyId, days] of [
    ["soon", 3],
    ["sooner", 2],
    ["later", 30],
  ] as const)
    await vault.ask(
      generateKey,
      create(generateKey.method.input, {
        keyId,
        algorithm: Algorithm.Ed25519,
        attributes: { endDate: timestampFromMs(vault.now + days * 86_400_000) },
      }),
    );
  await vault.vault.objects.takeCensus("default");
  await alerts.look();
  const [key] = alerts.list();
  assert.deepEqual([key?.alert, key?.value, key?.state], ["key_expiry", 2 * 86_400, "firing"]);
  assert.match(key?.detail ?? "", /^2 end soon/);
  assert.ok(!JSON.stringify(alerts.list()).includes("sooner"));
});

test("every alert has a row that says what it is", () => {
  for (const name of ALERT_NAMES) {
    assert.match(name, /^[a-z_]+$/);
    assert.ok(ALERTS[name].meaning.length > 10);
  }
});
