/**
 * The table of alerts: what the vault watches by itself, so that trouble is seen without another system.
 */

/** One row: an alert. */
export interface AlertRow {
  readonly severity: "warning" | "critical";
  /** Whether a high value is bad, or a low one. */
  readonly bad: "high" | "low";
  /** Whether it must hold for a while before it fires, and be gone for a while before it is resolved. */
  readonly held: boolean;
  /** What its value and its threshold are. */
  readonly unit: string;
  readonly meaning: string;
}

export const ALERTS = Object.freeze({
  latency: {
    severity: "warning",
    bad: "high",
    held: true,
    unit: "seconds",
    meaning: "one operation in a hundred takes longer",
  },
  error_rate: {
    severity: "critical",
    bad: "high",
    held: true,
    unit: "share of operations",
    meaning: "so many operations fail by the server's fault",
  },
  saturation: {
    severity: "warning",
    bad: "high",
    held: true,
    unit: "share of the limit",
    meaning: "requests in flight, or connections, come near to their limit",
  },
  disk: {
    severity: "critical",
    bad: "low",
    held: false,
    unit: "free share",
    meaning: "the disk of the data folder or of the audit log is nearly full; without room for evidence no operation is performed",
  },
  failed_logins: {
    severity: "warning",
    bad: "high",
    held: true,
    unit: "a minute",
    meaning: "so many credentials and logins are refused",
  },
  integrity: {
    severity: "critical",
    bad: "high",
    held: false,
    unit: "findings",
    meaning: "the audit log or the key store was changed from outside",
  },
  delivery: {
    severity: "warning",
    bad: "high",
    held: true,
    unit: "sinks",
    meaning: "events do not reach so many sinks: their receivers fail again and again, or refuse too much",
  },
  delivery_gap: {
    severity: "critical",
    bad: "high",
    held: false,
    unit: "events",
    meaning: "events were gone from the audit log, for their age or by damage, before a sink had them",
  },
  certificate_expiry: {
    severity: "warning",
    bad: "low",
    held: false,
    unit: "seconds left",
    meaning: "a certificate of the listeners ends soon",
  },
  key_expiry: {
    severity: "warning",
    bad: "low",
    held: false,
    unit: "seconds left",
    meaning: "keys in use end soon; the value is that of the first",
  },
} as const satisfies Record<string, AlertRow>);

export type AlertName = keyof typeof ALERTS;
export const ALERT_NAMES = Object.freeze(Object.keys(ALERTS)) as readonly AlertName[];

/** Thresholds; 0 = that alert is off. */
export interface AlertThresholds {
  readonly latencySeconds: number;
  readonly errorRate: number;
  readonly saturation: number;
  readonly diskFree: number;
  readonly failedLoginsPerMinute: number;
  readonly certificateSeconds: number;
  readonly keySeconds: number;
}

/** `alerts` of the configuration. */
export interface AlertsConfig extends AlertThresholds {
  readonly enabled: boolean;
  readonly intervalSeconds: number;
  readonly holdSeconds: number;
}

/** A value of now. One that is not known makes no reading, and changes nothing. */
export interface AlertReading {
  readonly alert: AlertName;
  /** Which disk, which certificate; empty where there is one alone. 1-64 of a-z, 0-9, `_`, `-`. */
  readonly subject: string;
  readonly value: number;
  readonly threshold: number;
  /** For people: no names of keys or callers. */
  readonly detail: string;
}

export interface AlertState extends AlertReading {
  readonly state: "firing" | "resolved";
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** When it was resolved; 0 while it fires. */
  readonly until: number;
}
