/**
 * `/metrics`: the gateway's series and the vault's, in Prometheus text format.
 */
import { SELF } from "@keystead/contract/operations/register";
import type { Desk } from "../../forward.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS } from "../rest/problem.ts";

export function metricsSurface(desk: Desk): Dispatch {
  const answer = async (exchange: Exchange): Promise<void> => {
    if (exchange.path !== "/metrics") return exchange.respond(404, SAFE_HEADERS);
    if (exchange.method !== "GET" && exchange.method !== "HEAD") return exchange.respond(405, { ...SAFE_HEADERS, allow: "GET, HEAD" });
    const vault = await desk.ask(SELF.metrics).then(
      (bytes) => bytes.toString("utf8"),
      () => "",
    );
    exchange.respond(
      200,
      { ...SAFE_HEADERS, "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      Buffer.from(desk.measurements.render() + vault, "utf8"),
    );
  };
  return (exchange) => void answer(exchange);
}
