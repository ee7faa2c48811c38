/** The options every command takes: where the server is, who is calling, how to print. */
import type { Command } from "commander";

export interface GlobalOptions {
  readonly endpoint?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly ca?: string;
  readonly token?: string;
  readonly profile?: string;
  /** The name of a context. */
  readonly on?: string;
  readonly namespace?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly timeout?: string;
  readonly requestId?: string;
  readonly auditReceipts?: string;
}

/** Declares them on the root command; commander accepts them at any place on the line. */
export function addGlobalOptions(root: Command): Command {
  return root
    .option("--endpoint <url>", "server, such as https://localhost:8443 (KEYSTEAD_ENDPOINT)")
    .option("--client-cert <file>", "PEM client certificate (KEYSTEAD_CLIENT_CERT)")
    .option("--client-key <file>", "PEM private key of the client certificate (KEYSTEAD_CLIENT_KEY)")
    .option("--ca <file>", "PEM authorities the server must chain to (KEYSTEAD_CA)")
    .option("--token <ref>", "bearer token by reference: file:PATH, env:NAME or fd:N (KEYSTEAD_TOKEN)")
    .option("--profile <file>", "profile JSON with all of the above (KEYSTEAD_PROFILE)")
    .option("--on <context>", "one of `keystead context list`: a server, and who you are there (KEYSTEAD_CONTEXT)")
    .option("--namespace <name>", "namespace of the keys (KEYSTEAD_NAMESPACE)")
    .option("--output <form>", "table, or one document for programs: json or yaml (KEYSTEAD_OUTPUT)")
    .option("--json", "the same as --output json")
    .option("--timeout <duration>", "longest time per request, such as 30s or 500ms (KEYSTEAD_TIMEOUT)")
    .option("--request-id <id>", "id to find the requests in the audit log (KEYSTEAD_REQUEST_ID)")
    .option("--audit-receipts <file>", "append where each request's event stands in the audit log: number, hash, operation");
}
