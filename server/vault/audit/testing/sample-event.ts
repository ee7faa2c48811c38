/** For tests of the log: an event that says nothing in particular. */
import type { EventFields } from "../event.ts";

/** @param request tells it from others */
export const sampleEvent = (request: string, more: Partial<EventFields> = {}): EventFields => ({
  action: "Sign",
  authentication: "token",
  decision: "allow",
  key: "k",
  namespace: "ns",
  outcome: "OK",
  payload: "",
  principal: "p",
  request,
  time: "2026-01-01T00:00:00.000Z",
  version: 1,
  ...more,
});
