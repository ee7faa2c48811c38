/**
 * Following the audit log across broken connections, restarts and credentials that expire: each new stream begins after
 * the last number that the one before had looked at.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HsmError } from "@keystead/contract/errors";
import type { AuditEvent, StreamAuditLogRequest } from "./areas/audit.ts";
import { delayBefore } from "./retry.ts";

/** One answer of the server. */
export interface AuditStreamAnswer {
  readonly events: readonly AuditEvent[];
  /** So far was looked. */
  readonly sequence: bigint;
  readonly complete: boolean;
}

export interface FollowAuditOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the server may stay away, in milliseconds. */
  readonly patienceMs: number;
  /** Another try may come with another credential. */
  readonly renews: boolean;
  open(request: StreamAuditLogRequest, signal: AbortSignal | undefined): AsyncIterable<AuditStreamAnswer>;
  asError(thrown: unknown): HsmError;
}

const PASSING = new Set(["PROVIDER_UNAVAILABLE", "AUDIT_UNAVAILABLE", "VAULT_SEALED", "DEADLINE_EXCEEDED"]);

/** @throws {HsmError} what no other try would change */
export async function* followAudit(request: StreamAuditLogRequest, options: FollowAuditOptions): AsyncGenerator<AuditEvent> {
  const { signal } = options;
  let { after } = request;
  let heard = Date.now();
  let answered = false;
  for (let tries = 0; ; tries += 1) {
    try {
      for await (const answer of options.open({ ...request, after }, signal)) {
        yield* answer.events;
        after = answer.sequence;
        answered = true;
        tries = 0;
        heard = Date.now();
        if (answer.complete) return;
      }
    } catch (thrown) {
      if (signal?.aborted === true) return;
      const error = options.asError(thrown);
      // A credential that was good a moment ago has expired; one that never was will not become so.
      const renewed = error.code === "UNAUTHENTICATED" && options.renews && answered;
      answered = false;
      if (!renewed && !PASSING.has(error.code)) throw error;
      const delay = delayBefore(tries + 1, error);
      if (Date.now() + delay - heard > options.patienceMs) throw error;
      await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
    if (signal?.aborted === true) return;
  }
}
