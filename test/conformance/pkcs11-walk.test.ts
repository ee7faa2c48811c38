/**
 * Every function of the PKCS#11 module in every state with every argument made bad, and random templates and parameters:
 * a program of its own (clients/pkcs11/examples/walk), also under valgrind.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ExportPolicy, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { ENVIRONMENT } from "../environment.ts";
import { builtExample, builtModule, skipModule, unsupportedFunctions } from "./pkcs11-module.ts";
import { ROOT } from "./running-server.ts";
import { served } from "./served.ts";

/** Ten minutes of random templates and parameters instead of seconds. */
const SOAKED = process.env["KEYSTEAD_SOAK"] === "true";

describe("the module, walked", { skip: skipModule }, () => {
  const here = served();
  let programs: readonly string[] = [];

  /** Keys of the walk's own, because random calls rename and destroy. @returns the path of a configuration that shows them */
  const prepared = async (namespace: string): Promise<string> => {
    await here.given("gRPC", createNamespace, { namespace });
    for (const [keyId, algorithm] of [
      ["p256", "ECDSA-P256"],
      ["gcm", "AES-256-GCM"],
      ["wraps", "AES-256"],
      ["leaves", "AES-256-GCM"],
      ["kem", "ML-KEM-768"],
      ["base", "Generic-Secret"],
    ] as const)
      await here.given("gRPC", generateKey, {
        namespace,
        keyId,
        algorithm: algorithmNumber(algorithm),
        ...(keyId === "leaves" ? { exportable: ExportPolicy.WRAPPED } : {}),
        ...(keyId === "wraps" ? { usage: [Usage.WRAP, Usage.UNWRAP] } : {}),
        ...(keyId === "base" ? { usage: [Usage.DERIVE] } : {}),
      });
    const config = join(here.server.folder, `${namespace}.yaml`);
    const credential = (file: string): string => join(here.server.data, "credentials", file);
    const files = { ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
    writeFileSync(config, JSON.stringify({ endpoint: here.server.api, ...files, slots: [{ namespace }] }));
    return config;
  };
  const walk = async (namespace: string, before: readonly string[], seconds: number, oneOf: number): Promise<string> => {
    const seed = randomInt(2 ** 32).toString();
    const words = [await prepared(namespace), unsupportedFunctions().join(","), seconds.toString(), seed, oneOf.toString()];
    const [program = "", ...args] = [...before, ...programs, ...words];
    const { status, signal, stdout, stderr } = spawnSync(program, args, { env: { ...ENVIRONMENT }, encoding: "utf8", maxBuffer: 1 << 26 });
    assert.equal(status, 0, `seed ${seed}: ${signal ?? ""}${stdout}${stderr.slice(0, 20_000)}`);
    return stdout;
  };

  before(() => {
    programs = [builtExample("walk"), builtModule()];
  });

  test("each argument of each function made bad in each state has an answer of its own, and leaves operations as it should", async (context) => {
    context.diagnostic(await walk("walked", [], SOAKED ? 600 : 5, 1));
  });

  test("valgrind sees no invalid access and no leak on the way", async (context) => {
    const suppressed = `--suppressions=${join(ROOT, "clients/pkcs11/examples/walk/valgrind.supp")}`;
    const leaks = ["--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect"];
    // Its own findings go to the standard error, and are the status too.
    context.diagnostic(await walk("watched", ["valgrind", "--quiet", "--error-exitcode=9", suppressed, ...leaks], 5, SOAKED ? 1 : 6));
  });
});
