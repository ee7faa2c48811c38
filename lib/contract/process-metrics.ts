/**
 * What every process measures of itself: event loop, memory, processor.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MeasuredPart } from "./metrics.ts";
import type { MetricsRegistry } from "./metrics-registry.ts";

/** The delay of a timer of this length is measured; what exceeds it is lag. */
const LAG_RESOLUTION_MS = 20;

/** Adds the series of this process. @returns what stops the watching of the event loop */
export function measureProcess(registry: MetricsRegistry, part: MeasuredPart): () => void {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  registry.observed("hsm_event_loop_lag_seconds", () => {
    const lag = Math.max(0, delay.percentile(99) / 1e9 - LAG_RESOLUTION_MS / 1e3);
    delay.reset();
    return [[[part], lag]];
  });
  registry.observed("hsm_process_resident_memory_bytes", () => [[[part], process.memoryUsage.rss()]]);
  registry.observed("hsm_process_cpu_seconds_total", () => {
    const { user, system } = process.cpuUsage();
    return [[[part], (user + system) / 1e6]];
  });
  delay.enable();
  return () => delay.disable();
}
