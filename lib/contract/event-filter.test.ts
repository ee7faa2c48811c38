import assert from "node:assert/strict";
import { test } from "node:test";
import { FILTER_PRESETS, NO_FILTER, eventFilter, unknownEvents, type EventFilter } from "./event-filter.ts";
import { EVENT_TYPES, EVENT_TYPE_NAMES, SEVERITIES, type EventType } from "./event-types.ts";

/** Types that pass with their own severity, in a namespace. */
const passing = (filter: Partial<EventFilter>, namespace = "default"): EventType[] => {
  const passes = eventFilter({ ...NO_FILTER, ...filter });
  return EVENT_TYPE_NAMES.filter((type) => passes(type, EVENT_TYPES[type].severity, namespace));
};

test("without a filter everything but debug passes, and with debug asked for everything", () => {
  assert.deepEqual(
    passing({}),
    EVENT_TYPE_NAMES.filter((type) => EVENT_TYPES[type].severity !== "debug"),
  );
  assert.deepEqual(passing({ minSeverity: "debug" }), EVENT_TYPE_NAMES);
});

test("named types pass whatever their severity, areas as a whole, and exclusions count before both", () => {
  assert.deepEqual(passing({ includeEvents: ["key.used", "auth.*"] }), ["key.used", "auth.failed"]);
  assert.deepEqual(passing({ includeEvents: ["key.used", "auth.*"], minSeverity: "warning" }), ["auth.failed"]);
  assert.deepEqual(passing({ includeEvents: ["auth.*"], excludeEvents: ["auth.failed"] }), []);
  assert.ok(!passing({ excludeEvents: ["key.*"] }).some((type) => type.startsWith("key.")));
});

test("an area is no beginning of another's name", () => {
  assert.deepEqual(passing({ includeEvents: ["auth.*"] }), ["auth.failed"]);
});

test("each severity lets pass itself and what is graver", () => {
  for (const [rank, least] of SEVERITIES.entries()) {
    const passes = eventFilter({ ...NO_FILTER, minSeverity: least });
    assert.deepEqual(
      SEVERITIES.filter((severity) => passes("key.used", severity, "")),
      SEVERITIES.slice(rank),
    );
  }
});

test("namespaces are named or excluded, and events of the server have none", () => {
  const filter = { includeNamespaces: ["a", "b"], excludeNamespaces: ["b"] };
  assert.deepEqual(
    ["a", "b", "c", ""].map((namespace) => passing(filter, namespace).length > 0),
    [true, false, false, false],
  );
});

test("presets hold what their names say, and what is asked for besides only narrows them", () => {
  const life = passing({ preset: "key_lifecycle" });
  assert.ok(life.includes("key.created") && life.includes("key.deleted") && !life.includes("key.used") && !life.includes("key.read"));
  assert.ok(passing({ preset: "system_events" }).every((type) => /^(system|configuration)\./.test(type)));
  assert.ok(
    ["auth.failed", "authorization.denied", "policy.violated"].every((type) =>
      passing({ preset: "security_only" }).includes(type as EventType),
    ),
  );
  assert.ok(!passing({ preset: "security_only" }).includes("key.created"));
  for (const minSeverity of SEVERITIES) {
    const high = passing({ preset: "high_severity", minSeverity });
    assert.ok(high.every((type) => ["error", "critical"].includes(EVENT_TYPES[type].severity)));
  }
  for (const preset of Object.keys(FILTER_PRESETS)) assert.deepEqual(passing({ preset, includeEvents: ["hash.*"] }), [], preset);
  assert.deepEqual(passing({ preset: "constructor" }), []);
});

test("names of no type and of no area are found", () => {
  assert.deepEqual(unknownEvents(["key.created", "key.*", "keys.*", "key.crated", "toString"]), ["keys.*", "key.crated", "toString"]);
});
