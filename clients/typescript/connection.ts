/**
 * One HTTP/2 connection to a Keystead server.
 *
 * TLS 1.3 with the server's certificate checked against `ca` (or the system's authorities), a client certificate
 * when there is one, and plaintext to loopback addresses and unix sockets only. Who may open a socket is a matter of its folder.
 */
import { connect, isIP } from "node:net";
import type { ClientSessionOptions, SecureClientSessionOptions } from "node:http2";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { HsmError } from "@keystead/contract/errors";

/** Where the server is and how both sides prove who they are. PEM texts, not paths. */
export interface ConnectionOptions {
  /** `https://host:port`, `unix:///path` for the server's unix socket, or `http://127.0.0.1:port` for the development listener. */
  readonly endpoint: string;
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** Wire protocol; `connect` unless asked otherwise. Both carry the same messages. */
  readonly protocol?: "connect" | "grpc" | undefined;
}

export interface Connection {
  readonly transport: Transport;
  /** Ends the connection; calls in flight fail. */
  close(): void;
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));

/**
 * The endpoint as a URL that may be dialled.
 *
 * @throws {HsmError} INVALID_REQUEST for anything but https, http to a loopback address, or unix with an absolute path
 */
export function checkEndpoint(endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (url?.protocol === "unix:") {
    if (url.host === "" && url.pathname.length > 1 && url.search === "" && url.hash === "") return url;
    throw new HsmError("INVALID_REQUEST", `the endpoint '${endpoint}' is not a path such as unix:///run/keystead/api.sock`);
  }
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new HsmError("INVALID_REQUEST", `the endpoint '${endpoint}' is not a URL such as https://localhost:8443`);
  }
  if (url.username !== "" || url.password !== "")
    throw new HsmError("INVALID_REQUEST", "the endpoint must not hold a user name or password");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new HsmError("INVALID_REQUEST", `plaintext is only allowed to a loopback address, and ${url.hostname} is none: use https://`);
  }
  return url;
}

/** Opens a connection lazily: nothing is dialled before the first call. */
export function openConnection(options: ConnectionOptions): Connection {
  const url = checkEndpoint(options.endpoint);
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new HsmError("INVALID_REQUEST", "a client certificate needs its key, and a key its certificate");
  }
  const local = url.protocol === "unix:";
  if (local && options.cert !== undefined)
    throw new HsmError("INVALID_REQUEST", "a unix socket asks for no certificate: log in, or use a token");
  const tls: SecureClientSessionOptions = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ALPNProtocols: ["h2"] };
  if (options.ca !== undefined) tls.ca = options.ca;
  if (options.cert !== undefined) tls.cert = options.cert;
  if (options.key !== undefined) tls.key = options.key;
  const baseUrl = local ? "http://localhost" : url.origin;
  const here: ClientSessionOptions = local ? { createConnection: () => connect(decodeURIComponent(url.pathname)) } : {};
  const sessionManager = new Http2SessionManager(baseUrl, {}, url.protocol === "https:" ? tls : here);
  const make = options.protocol === "grpc" ? createGrpcTransport : createConnectTransport;
  const transport = make({ baseUrl, httpVersion: "2", sessionManager, acceptCompression: [] });
  return { transport, close: () => sessionManager.abort() };
}
