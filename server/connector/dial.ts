/**
 * Connections to addresses that were judged.
 *
 * A name is resolved once and the connection goes to an address that was looked at, so that a name that answers
 * differently the second time gains nothing.
 */
import { lookup } from "node:dns/promises";
import { connect, isIP, isIPv6, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { HsmError } from "@keystead/contract/errors";
import type { MayDial } from "./fetch/addresses.ts";

export interface Address {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
}

/** Why something outside cannot be had. */
export const unavailable = (detail: string, retryAfterSeconds = 1): HsmError =>
  new HsmError("PROVIDER_UNAVAILABLE", detail, { retryAfterSeconds });

/** What may be said of a failure: our own words, a code, or that time ran out; at most 200 characters. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof HsmError) return thrown.detail.slice(0, 200);
  const { code, name, message } = thrown as NodeJS.ErrnoException;
  if (name === "TimeoutError" || name === "AbortError") return "no answer in time";
  return code ?? message.slice(0, 200);
}

/**
 * The addresses of a host that may be dialled; at least one.
 *
 * @param hostname a name, or an address, IPv6 in brackets or not
 * @throws {HsmError} PROVIDER_UNAVAILABLE   it has none; or what the signal or the resolver throws
 */
export async function judgedAddresses(hostname: string, mayDial: MayDial, signal: AbortSignal): Promise<readonly Address[]> {
  const literal = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(literal) !== 0) {
    if (!mayDial(literal)) throw unavailable(`${literal} may not be dialled; see connector.allowed_addresses`);
    return [{ address: literal, family: isIPv6(literal) ? 6 : 4 }];
  }
  const late = new Promise<never>((_done, failed) =>
    signal.addEventListener("abort", () => failed(signal.reason as Error), { once: true }),
  );
  const found = await Promise.race([lookup(hostname, { all: true, order: "verbatim" }), late]);
  const allowed = found.filter(({ address }) => mayDial(address));
  if (allowed.length === 0) throw unavailable(`${hostname} has no address that may be dialled; see connector.allowed_addresses`);
  return allowed;
}

/** Where to, and by what means. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Undefined for a connection in the clear. */
  readonly tls?: {
    /** Authorities of the server, in PEM. */
    readonly authorities: readonly string[];
    /** Our own certificate chain and private key, in PEM, where the server asks for one. */
    readonly certificate?: string | Buffer;
    readonly key?: string | Buffer;
  };
}

/**
 * An open connection, verified where it is by TLS.
 *
 * @throws {HsmError} PROVIDER_UNAVAILABLE the address may not be dialled; or what network, TLS or the signal throws
 */
export async function dial({ host, port, tls }: Destination, mayDial: MayDial, signal: AbortSignal): Promise<Socket> {
  const [first] = await judgedAddresses(host, mayDial, signal);
  const { address } = first as Address;
  const socket =
    tls === undefined
      ? connect({ host: address, port })
      : connectTls({
          host: address,
          port,
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ca: [...tls.authorities],
          ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          minVersion: "TLSv1.2",
          rejectUnauthorized: true,
        });
  const stop = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((done, failed) => {
      socket.once(tls === undefined ? "connect" : "secureConnect", done);
      socket.once("error", failed);
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return socket satisfies Socket | TLSSocket;
}
