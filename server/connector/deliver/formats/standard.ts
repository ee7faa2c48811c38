/**
 * The payload of webhooks: `{"id","type","timestamp","namespace","data"}`. `data.event` is the event exactly as the log has it.
 */
import type { SinkEvent } from "../event.ts";

export function standard({ id, type, severity, kind, hash, event, canonical }: SinkEvent): string {
  const head = { id, type, timestamp: event.time, namespace: event.namespace };
  const data = `{"severity":"${severity}","kind":${JSON.stringify(kind)},"hash":"${hash}","event":${canonical}}`;
  return `${JSON.stringify(head).slice(0, -1)},"data":${data}}`;
}
