/**
 * Which events somebody wants: by type, namespace and severity.
 *
 * Every part must let an event pass. Types are named (`key.created`) or by their area (`key.*`), also types that arise only in a
 * later version. Who names no types and no severity gets what is `info` or graver: each use of a key is `debug`.
 */
import { EVENT_TYPES, EVENT_TYPE_NAMES, SEVERITIES, type EventType, type Severity } from "./event-types.ts";

export interface EventFilter {
  /** A name of {@link FILTER_PRESETS}; empty for none. */
  readonly preset: string;
  readonly includeEvents: readonly string[];
  readonly excludeEvents: readonly string[];
  readonly includeNamespaces: readonly string[];
  readonly excludeNamespaces: readonly string[];
  readonly minSeverity?: Severity | undefined;
}

export const NO_FILTER: EventFilter = Object.freeze({
  preset: "",
  includeEvents: [],
  excludeEvents: [],
  includeNamespaces: [],
  excludeNamespaces: [],
});

interface Preset {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly minSeverity: Severity;
}

export const FILTER_PRESETS: Readonly<Record<string, Preset>> = Object.freeze({
  security_only: {
    include: [
      "auth.*",
      "authorization.*",
      "policy.*",
      "rate_limit.*",
      "quota.*",
      "session.*",
      "approval.*",
      "identity.*",
      "configuration.*",
      "key.exported",
      "system.fault",
    ],
    exclude: [],
    minSeverity: "info",
  },
  key_lifecycle: { include: ["key.*"], exclude: ["key.used", "key.read"], minSeverity: "debug" },
  system_events: { include: ["system.*", "configuration.*"], exclude: [], minSeverity: "info" },
  high_severity: { include: [], exclude: [], minSeverity: "error" },
} satisfies Record<string, Preset>);

const rankOf = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** A test of types, compiled once. */
function named(patterns: readonly string[]): (type: string) => boolean {
  const whole = new Set(patterns.filter((pattern) => !pattern.endsWith(".*")));
  const areas = patterns.filter((pattern) => pattern.endsWith(".*")).map((pattern) => pattern.slice(0, -1));
  return (type) => whole.has(type) || areas.some((area) => type.startsWith(area));
}

/** Names that are neither of a type in the table nor of an area of some: a filter of them would let nothing pass, and seem to work. */
export const unknownEvents = (patterns: readonly string[]): string[] =>
  patterns.filter((pattern) =>
    pattern.endsWith(".*") ? !EVENT_TYPE_NAMES.some((type) => type.startsWith(pattern.slice(0, -1))) : !Object.hasOwn(EVENT_TYPES, pattern),
  );

/** The filter as a function. An unknown preset lets nothing pass. */
export function eventFilter(filter: EventFilter): (type: EventType, severity: Severity, namespace: string) => boolean {
  const { includeEvents, excludeEvents, includeNamespaces, excludeNamespaces, preset: name, minSeverity } = filter;
  const preset = name === "" ? undefined : Object.hasOwn(FILTER_PRESETS, name) ? FILTER_PRESETS[name] : undefined;
  if (name !== "" && preset === undefined) return () => false;
  const usual: Severity = preset?.minSeverity ?? (includeEvents.length === 0 ? "info" : "debug");
  // The preset's bound stands: what is asked for besides can only narrow it.
  const least = Math.max(rankOf(minSeverity ?? usual), rankOf(preset?.minSeverity ?? "debug"));
  const inPreset = preset === undefined || preset.include.length === 0 ? () => true : named(preset.include);
  const outOfPreset = named(preset?.exclude ?? []);
  const included = includeEvents.length === 0 ? () => true : named(includeEvents);
  const excluded = named(excludeEvents);
  const inNamespaces = new Set(includeNamespaces);
  const outOfNamespaces = new Set(excludeNamespaces);
  return (type, severity, namespace) =>
    rankOf(severity) >= least &&
    inPreset(type) &&
    !outOfPreset(type) &&
    included(type) &&
    !excluded(type) &&
    (inNamespaces.size === 0 || inNamespaces.has(namespace)) &&
    !outOfNamespaces.has(namespace);
}
