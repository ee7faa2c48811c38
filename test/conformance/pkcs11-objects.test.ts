/**
 * Certificates and data through the PKCS#11 module, against a live server: OpenSC's pkcs11-tool writes, lists, reads and
 * removes them, and an application in Python walks what the specification says of them.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createToken } from "@keystead/contract/operations/create-token";
import { findStoredObjects } from "@keystead/contract/operations/find-stored-objects";
import { generateCertificate } from "@keystead/contract/operations/generate-certificate";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule, skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

const SO = "officers-pin";
const USER = "users-own-pin";

describe("certificates and data through the module", { skip: skipModule }, () => {
  const here = served();
  let library = "";
  let certificate: Buffer;

  const path = (name: string): string => join(here.server.folder, name);
  const configured = (name: string, changed: object): string => {
    const credential = (file: string): string => join(here.server.data, "credentials", file);
    const own = { endpoint: here.server.api, ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
    writeFileSync(path(`${name}.yaml`), JSON.stringify({ ...own, ...changed }));
    return path(`${name}.yaml`);
  };
  const tool = (config: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync("pkcs11-tool", ["--module", library, "--login", "--pin", USER, ...args], {
      env: { ...ENVIRONMENT, HSM_PKCS11_CONFIG: config },
      encoding: "utf8",
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    return stdout;
  };
  const application = (scenario: string, config: string): void => {
    const program = join(import.meta.dirname, "pkcs11/objects.py");
    const args = [program, library, scenario, config, USER, path("web.der")];
    const { status, signal, stdout, stderr } = spawnSync("python3", args, { env: { ...ENVIRONMENT }, encoding: "utf8" });
    assert.equal(status, 0, `${signal ?? ""}${stdout}${stderr}`);
  };

  before(async () => {
    library = builtModule();
    const pins = { soPin: Buffer.from(SO), userPin: Buffer.from(USER) };
    for (const label of ["tool", "walk"]) await here.given("gRPC", createToken, { label, tags: [label], ...pins });
    await here.given("gRPC", generateKey, { keyId: "web", algorithm: Algorithm.EcdsaP256 });
    const made = await here.given("gRPC", generateCertificate, { keyId: "web", subject: "CN=web,O=Keystead", validityDays: 30 });
    certificate = new X509Certificate(made["certificate"] as string).raw;
    writeFileSync(path("web.der"), certificate);
    writeFileSync(path("data.bin"), "some data");
  });

  test("pkcs11-tool writes a certificate and data, lists and reads them, and removes them", async () => {
    const config = configured("tool", { slots: [{ token: "tool" }] });
    tool(config, "--write-object", path("web.der"), "--type", "cert", "--label", "web certificate", "--id", "0a1b");
    tool(config, "--write-object", path("data.bin"), "--type", "data", "--label", "settings", "--application-label", "app", "--private");
    const listed = tool(config, "--list-objects");
    assert.match(listed, /Certificate Object; type = X\.509 cert\n +label: +web certificate\n +subject: .*CN=web.*\n[\s\S]* +ID: +0a1b/);
    assert.match(listed, /Data object \d+\n +label: +'settings'\n +application: +'app'/);
    tool(config, "--read-object", "--type", "cert", "--id", "0a1b", "-o", path("read.der"));
    assert.deepEqual(readFileSync(path("read.der")), certificate);
    tool(config, "--read-object", "--type", "data", "--label", "settings", "-o", path("read.bin"));
    assert.equal(readFileSync(path("read.bin"), "utf8"), "some data");
    const stored = (await here.given("gRPC", findStoredObjects, { tags: ["tool"], private: true })) as { objects: { label: string }[] };
    assert.deepEqual(stored.objects.map(({ label }) => label).sort(), ["settings", "web certificate"]);
    tool(config, "--delete-object", "--type", "cert", "--id", "0a1b");
    tool(config, "--delete-object", "--type", "data", "--label", "settings");
    assert.doesNotMatch(tool(config, "--list-objects"), /web certificate|settings/);
  });

  test("what the token is, it says by objects: its profiles and its mechanisms", async () => {
    await here.given("gRPC", createNamespace, { namespace: "empty" });
    const token = { label: "announced", namespace: "empty", soPin: Buffer.from(SO), userPin: Buffer.from(USER) };
    await here.given("gRPC", createToken, token);
    application("announced", configured("announced", { slots: [{ token: "announced" }, { namespace: "default" }] }));
    assert.match(tool(configured("shown", { slots: [{ token: "announced" }] }), "--list-objects"), /CKP_AUTHENTICATION_TOKEN/);
  });

  test("objects are made, found, copied, changed and destroyed by the rules of the specification", () =>
    application("walk", configured("walk", { slots: [{ token: "walk" }] })));
});
