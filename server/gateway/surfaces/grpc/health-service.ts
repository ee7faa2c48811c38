/**
 * grpc.health.v1.Health over the vault's own health.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
  HealthListResponseSchema,
} from "@keystead/contract/generated/grpc/health/v1/health_pb";
import type { Desk } from "../../forward.ts";
import { vaultHealth } from "../health/health.ts";
import type { StreamingMethod } from "./streaming-method.ts";

const SERVICES = new Set(["", "hsm.HsmService"]);
/** How often Watch looks, in milliseconds. */
const WATCH_MS = 1_000;

async function first(requests: AsyncIterable<Uint8Array>): Promise<string> {
  for await (const bytes of requests) {
    try {
      return fromBinary(HealthCheckRequestSchema, bytes).service;
    } catch {
      break;
    }
  }
  throw new HsmError("INVALID_REQUEST", "the message cannot be read");
}

const response = (status: Serving): Uint8Array => toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
const servingOf = async (desk: Desk): Promise<Serving> =>
  (await vaultHealth(desk))?.ready === true ? Serving.SERVING : Serving.NOT_SERVING;

export const healthCheck = (desk: Desk): StreamingMethod =>
  async function* check(requests) {
    if (!SERVICES.has(await first(requests))) throw new HsmError("OBJECT_NOT_FOUND", "there is no such service");
    yield response(await servingOf(desk));
  };

export const healthList = (desk: Desk): StreamingMethod =>
  async function* list() {
    const status = await servingOf(desk);
    yield toBinary(
      HealthListResponseSchema,
      create(HealthListResponseSchema, { statuses: Object.fromEntries([...SERVICES].map((service) => [service, { status }])) }),
    );
  };

export const healthWatch = (desk: Desk): StreamingMethod =>
  async function* watch(requests, exchange) {
    const known = SERVICES.has(await first(requests));
    let gone = false;
    let wake: (() => void) | undefined;
    const stop = (): void => {
      gone = true;
      wake?.();
    };
    exchange.onAbort(stop);
    desk.stopping.addEventListener("abort", stop, { once: true });
    let last: Serving | undefined;
    if (desk.stopping.aborted) stop();
    while (!gone) {
      const status = known ? await servingOf(desk) : Serving.SERVICE_UNKNOWN;
      if (status !== last) yield response(status);
      last = status;
      if (gone) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WATCH_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    desk.stopping.removeEventListener("abort", stop);
    if (desk.stopping.aborted) throw new HsmError("PROVIDER_UNAVAILABLE", "the server is stopping", { retryAfterSeconds: 1 });
  };
