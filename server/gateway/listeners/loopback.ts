/**
 * What a plaintext development listener refuses before anything else: peers that are not this machine, and requests a
 * web page could have made (DNS rebinding, cross-site).
 */
import { HsmError } from "@keystead/contract/errors";
import { requestIdOf } from "../evidence/evidence.ts";
import { problem } from "../surfaces/rest/problem.ts";
import type { Dispatch } from "../transports/exchange.ts";

const HOSTS = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** A page's plain GET carries no Origin, but browsers say where it came from (Fetch Metadata). */
const OWN_SITE: ReadonlySet<string> = new Set(["none", "same-origin"]);

export const isLoopback = (address: string): boolean => address === "::1" || /^(::ffff:)?127\./.test(address);

/** Lets only this machine's own programs through. */
export const loopbackOnly =
  (dispatch: Dispatch): Dispatch =>
  (exchange) => {
    const refused = !isLoopback(exchange.connection.address)
      ? "only this machine may use this port"
      : exchange.header("origin") !== undefined || !OWN_SITE.has(exchange.header("sec-fetch-site") ?? "none")
        ? "web pages may not use this port"
        : !HOSTS.test(exchange.header("host") ?? "")
          ? "this port answers to localhost only"
          : undefined;
    if (refused === undefined) return dispatch(exchange);
    problem(exchange, requestIdOf(exchange), new HsmError("PERMISSION_DENIED", refused));
  };
