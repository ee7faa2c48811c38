/** Applications of the PKCS#11 module beside a running server: their configuration, pkcs11-tool, and programs in Python. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule } from "./pkcs11-module.ts";
import type { Served } from "./served.ts";

export interface Applications {
  /** A configuration file of the administrator's, with what is given laid over it. @returns its path */
  readonly configured: (name: string, changed?: object) => string;
  /** Runs pkcs11-tool, which must succeed. @returns what it printed */
  readonly tool: (config: string, ...args: readonly string[]) => string;
  /** Runs pkcs11-tool, which must fail. @returns what it printed */
  readonly refused: (config: string, ...args: readonly string[]) => string;
  /** Runs a scenario of a program beside `loader.py`, which must succeed. */
  readonly scenario: (program: string, name: string, config: string, ...args: readonly string[]) => void;
}

/** Builds the module, at the first use. */
export function applications(here: Served): Applications {
  let built = "";
  const library = (): string => (built ||= builtModule());
  const run = (command: string, args: readonly string[], own: object = {}): { status: number | null; printed: string } => {
    const { status, signal, stdout, stderr } = spawnSync(command, args, { env: { ...ENVIRONMENT, ...own }, encoding: "utf8" });
    return { status, printed: `${signal ?? ""}${stdout}${stderr}` };
  };
  const tool = (config: string, args: readonly string[]): { status: number | null; printed: string } =>
    run("pkcs11-tool", ["--module", library(), ...args], { HSM_PKCS11_CONFIG: config });
  return {
    configured: (name, changed = {}) => {
      const credential = (file: string): string => join(here.server.data, "credentials", file);
      const own = { endpoint: here.server.api, ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
      const path = join(here.server.folder, `${name}.yaml`);
      writeFileSync(path, JSON.stringify({ ...own, slots: [{ namespace: "default", label: "conformance" }], ...changed }));
      return path;
    },
    tool: (config, ...args) => {
      const { status, printed } = tool(config, args);
      assert.equal(status, 0, printed);
      return printed;
    },
    refused: (config, ...args) => {
      const { status, printed } = tool(config, args);
      assert.ok(status !== null && status !== 0, printed);
      return printed;
    },
    scenario: (program, name, config, ...args) => {
      const file = join(import.meta.dirname, `pkcs11/${program}.py`);
      const { status, printed } = run("python3", [file, library(), name, config, ...args]);
      assert.equal(status, 0, printed);
    },
  };
}
