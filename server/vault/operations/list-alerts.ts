import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ALERTS } from "@keystead/contract/alerts";
import { listAlerts as operation } from "@keystead/contract/operations/list-alerts";
import { handler } from "./handler.ts";

/** What the vault noticed of trouble. */
export const listAlerts = handler(operation, async ({ request }, context) => ({
  reply: {
    alerts: context
      .alerts()
      .filter(({ state }) => !request.firing || state === "firing")
      .map(({ alert, since, until, value, threshold, ...facts }) => ({
        alert,
        ...facts,
        value: String(value),
        threshold: String(threshold),
        severity: ALERTS[alert].severity,
        unit: ALERTS[alert].unit,
        meaning: ALERTS[alert].meaning,
        since: timestampFromMs(since),
        ...(until === 0 ? {} : { until: timestampFromMs(until) }),
      })),
  },
}));
