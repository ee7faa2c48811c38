/**
 * `/metrics`: the gateway's series and the vault's as one text, in the format the scraper asks for.
 */
import type { Samples } from "@keystead/contract/metrics";
import { CONTENT_TYPES, exposition, expositionFor } from "@keystead/contract/metrics-text";
import { SELF } from "@keystead/contract/operations/register";
import type { Desk } from "../../forward.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS } from "../rest/problem.ts";

/** @param legacyNames whether series that have an old name are there under it too */
export function metricsSurface(desk: Desk, legacyNames: boolean): Dispatch {
  const answer = async (exchange: Exchange): Promise<void> => {
    if (exchange.path !== "/metrics") return exchange.respond(404, SAFE_HEADERS);
    if (exchange.method !== "GET" && exchange.method !== "HEAD") return exchange.respond(405, { ...SAFE_HEADERS, allow: "GET, HEAD" });
    const vault = await vaultSamples(desk);
    const format = expositionFor(exchange.header("accept"));
    const text = exposition(format, [desk.measurements.samples(), vault], legacyNames);
    exchange.respond(200, { ...SAFE_HEADERS, "content-type": CONTENT_TYPES[format], vary: "accept" }, Buffer.from(text, "utf8"));
  };
  return (exchange) => void answer(exchange);
}

/** What the vault measures now; nothing while it is not there, so that the gateway's own series still can be read. */
export const vaultSamples = (desk: Pick<Desk, "ask">): Promise<Samples> =>
  desk.ask(SELF.metrics).then(
    (bytes) => JSON.parse(bytes.toString("utf8")) as Samples,
    () => ({}),
  );
