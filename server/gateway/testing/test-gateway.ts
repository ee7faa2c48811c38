/**
 * A gateway in this process for tests, joined to an answering vault, on ports the system chooses.
 */
import type { TestContext } from "node:test";
import type { GatewayConfig } from "@keystead/contract/config";
import { createLogger } from "@keystead/contract/logging";
import { openGateway, type Gateway } from "../gateway.ts";
import { VaultLink } from "../vault-link.ts";
import { AnsweringVault, socketPair, type Answers } from "./answering-vault.ts";

export interface TestGateway {
  readonly gateway: Gateway;
  readonly vault: AnsweringVault;
  readonly link: VaultLink;
  /** Log lines written so far. */
  readonly lines: string[];
  /** host:port of a listener. */
  address(name: string): string;
  /** http://host:port of a plaintext listener. */
  url(name: string): string;
  /** Joins another answering vault, as after a restart. */
  rejoin(answers: Answers): Promise<AnsweringVault>;
}

const DEFAULTS: GatewayConfig = {
  preset: "test",
  logLevel: "info",
  api: undefined,
  grpc: undefined,
  unixSocket: undefined,
  developmentGrpc: { host: "127.0.0.1", port: 0 },
  health: { host: "127.0.0.1", port: 0 },
  developmentRest: true,
  metrics: { host: "127.0.0.1", port: 0, legacyNames: false },
  tls: undefined,
  telemetry: undefined,
  limits: { maxConnections: 100, requestTimeoutSeconds: 5, bodyBytes: 64 * 1024, maxInFlight: 64 },
};

/** Starts it; it ends with the test. */
export async function testGateway(
  context: TestContext,
  answers: Answers,
  changes: Partial<Omit<GatewayConfig, "limits">> & { readonly limits?: Partial<GatewayConfig["limits"]> } = {},
): Promise<TestGateway> {
  const lines: string[] = [];
  const log = createLogger({ part: "gateway", version: "0", level: "trace", write: (line) => lines.push(line) });
  const link = new VaultLink(log, 1_000);
  const join = async (table: Answers): Promise<AnsweringVault> => {
    const [near, far] = await socketPair();
    const vault = new AnsweringVault(table);
    vault.attach(far, false);
    link.join(near, true);
    return vault;
  };
  const vault = await join(answers);
  const gateway = await openGateway({ ...DEFAULTS, ...changes, limits: { ...DEFAULTS.limits, ...changes.limits } }, link, log);
  const address = (name: string): string => {
    const found = gateway.addresses[name];
    if (found === undefined) throw new Error(`no listener ${name}`);
    return found;
  };
  context.after(async () => {
    gateway.destroy();
    await gateway.drain();
    link.destroy();
  });
  return { gateway, vault, link, lines, address, url: (name) => `http://${address(name)}`, rejoin: join };
}
