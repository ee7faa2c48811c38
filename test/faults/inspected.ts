/** What lies in a data folder: the events of the log, and what `keystead audit verify` and `store verify` say of it. */
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ChainedEvent } from "../../server/vault/audit/event.ts";
import { KEYSTEAD } from "../server.ts";
import { ENVIRONMENT } from "../environment.ts";

export interface LoggedEvent {
  readonly event: ChainedEvent;
  readonly segment: string;
  /** Byte after the line's newline, in its segment. */
  readonly end: number;
}

/** Paths of the segments, oldest first. */
export const segmentsOf = (dataDir: string): string[] =>
  readdirSync(dataDir)
    .filter((name) => /^audit\.\d{16}$/.test(name))
    .sort()
    .map((name) => join(dataDir, name));

/** Every whole line, segment by segment; what is torn or zero ends a segment. */
export function eventsOf(dataDir: string): LoggedEvent[] {
  return segmentsOf(dataDir).flatMap((segment) => {
    const bytes = readFileSync(segment);
    const events: LoggedEvent[] = [];
    for (let start = 0; ;) {
      const newline = bytes.indexOf(10, start);
      if (newline === -1) return events;
      try {
        events.push({
          event: (JSON.parse(bytes.toString("utf8", start, newline)) as { event: ChainedEvent }).event,
          segment,
          end: newline + 1,
        });
      } catch {
        return events;
      }
      start = newline + 1;
    }
  });
}

export interface Inspection {
  readonly status: number | null;
  readonly verified: boolean;
  readonly events: number;
  readonly records: number;
  readonly macs_checked: boolean;
  readonly first_bad_sequence: number | null;
  readonly problems: readonly string[];
}

/** Runs `keystead audit verify --json` or `keystead store verify --json` on a folder. */
export async function inspect(
  what: "audit" | "store",
  dataDir: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Inspection> {
  const child = spawn(process.execPath, [KEYSTEAD, what, "verify", "--data-dir", dataDir, "--json", ...words], {
    env: { ...ENVIRONMENT, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let complained = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complained += text));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  if (!said.startsWith("{"))
    return { status, verified: false, events: 0, records: 0, macs_checked: false, first_bad_sequence: null, problems: [complained.trim()] };
  return { ...(JSON.parse(said) as Omit<Inspection, "status">), status };
}
