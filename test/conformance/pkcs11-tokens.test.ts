/**
 * Tokens through the PKCS#11 module, against a live server: OpenSC's pkcs11-tool makes one and sets its PINs, and an
 * application in Python walks the rules of login and what each PIN opens.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createToken } from "@keystead/contract/operations/create-token";
import { createUser } from "@keystead/contract/operations/create-user";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { getToken } from "@keystead/contract/operations/get-token";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule, skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

const SO = "officers-pin";
const USER = "users-own-pin";
const bytes = (text: string): Buffer => Buffer.from(text);

describe("tokens through the module", { skip: skipModule }, () => {
  const here = served();
  let library = "";

  /** A configuration file of the administrator's, with what is given laid over it. */
  const configured = (name: string, changed: object = {}): string => {
    const credential = (file: string): string => join(here.server.data, "credentials", file);
    const own = { endpoint: here.server.api, ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
    const path = join(here.server.folder, `${name}.yaml`);
    writeFileSync(path, JSON.stringify({ ...own, ...changed }));
    return path;
  };
  const run = (config: string, ...args: readonly string[]): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync("pkcs11-tool", ["--module", library, ...args], {
      env: { ...ENVIRONMENT, HSM_PKCS11_CONFIG: config },
      encoding: "utf8",
    });
    return { status, text: `${stdout}${stderr}` };
  };
  const tool = (config: string, ...args: readonly string[]): string => {
    const { status, text } = run(config, ...args);
    assert.equal(status, 0, text);
    return text;
  };
  const application = (scenario: string, config: string, ...args: readonly string[]): void => {
    const program = join(import.meta.dirname, "pkcs11/tokens.py");
    const { status, signal, stdout, stderr } = spawnSync("python3", [program, library, scenario, config, ...args], {
      env: { ...ENVIRONMENT },
      encoding: "utf8",
    });
    assert.equal(status, 0, `${signal ?? ""}${stdout}${stderr}`);
  };
  const token = (label: string, more: object = {}): Promise<unknown> =>
    here.given("gRPC", createToken, { label, soPin: bytes(SO), userPin: bytes(USER), ...more });

  before(() => {
    library = builtModule();
  });

  test("pkcs11-tool makes a token, sets its PINs, changes and unlocks them", async () => {
    const config = configured("new", { slots: [{ token: "pay", namespace: "default", tags: ["pay"] }] });
    assert.match(tool(config, "--list-slots"), /\(token not initialized\)|token state: +uninitialized|token label +: +\n/);
    tool(config, "--init-token", "--slot", "0", "--label", "Payments", "--so-pin", SO);
    assert.match(tool(config, "--list-slots"), /token label +: Payments\n/);
    assert.doesNotMatch(tool(config, "--list-slots"), /PIN initialized/);
    assert.match(run(config, "--login", "--pin", USER, "--list-objects").text, /CKR_USER_PIN_NOT_INITIALIZED/);
    tool(config, "--init-pin", "--slot", "0", "--login", "--login-type", "so", "--so-pin", SO, "--new-pin", USER);
    assert.match(tool(config, "--list-slots"), /PIN initialized/);
    tool(config, "--login", "--pin", USER, "--list-objects");
    tool(config, "--change-pin", "--slot", "0", "--login", "--pin", USER, "--new-pin", "another-pin-1");
    assert.match(run(config, "--login", "--pin", USER, "--list-objects").text, /CKR_PIN_INCORRECT/);
    tool(config, "--login", "--pin", "another-pin-1", "--list-objects");
    for (let index = 0; index < 5; index += 1) run(config, "--login", "--pin", "wrong-wrong", "--list-objects");
    assert.match(run(config, "--login", "--pin", "another-pin-1", "--list-objects").text, /CKR_PIN_LOCKED/);
    const { token: locked } = await here.given("gRPC", getToken, { name: "pay" });
    assert.equal((locked as { user_pin: { locked: boolean } }).user_pin.locked, true);
    tool(config, "--unlock-pin", "--slot", "0", "--puk", SO, "--new-pin", USER);
    tool(config, "--login", "--pin", USER, "--list-objects");
    // The officer's own.
    tool(config, "--change-pin", "--slot", "0", "--login", "--login-type", "so", "--so-pin", SO, "--new-pin", "officers-pin-2");
    assert.match(run(config, "--init-pin", "--login", "--login-type", "so", "--so-pin", SO, "--new-pin", USER).text, /CKR_PIN_INCORRECT/);
    assert.match(run(config, "--init-token", "--slot", "0", "--label", "Again", "--so-pin", SO).text, /CKR_PIN_INCORRECT/);
    tool(config, "--init-token", "--slot", "0", "--label", "Again", "--so-pin", "officers-pin-2");
    const again = tool(config, "--list-slots");
    assert.match(again, /token label +: Again\n/);
    assert.doesNotMatch(again, /PIN initialized/);
  });

  test("without slots in the configuration, the client itself is one and the tokens that it may see follow", async () => {
    const config = configured("none");
    tool(config, "--init-token", "--slot", "0", "--label", "Made by an application", "--so-pin", SO);
    const slots = tool(config, "--list-slots");
    assert.match(slots, /Slot 0[\s\S]*token label +: default\n[\s\S]*token label +: Made by an application\n/);
    const { token: made } = await here.given("gRPC", getToken, { name: "Made-by-an-application" });
    assert.match(slots, new RegExp(`serial num +: ${(made as { serial_number: string }).serial_number}`));
  });

  test("a token that shows keys is not initialised again", async () => {
    await token("full", { tags: ["full"] });
    await here.given("gRPC", generateKey, { keyId: "kept", algorithm: Algorithm.EcdsaP256, tags: ["full"] });
    const config = configured("full", { slots: [{ token: "full" }] });
    assert.match(run(config, "--init-token", "--slot", "0", "--label", "full", "--so-pin", SO).text, /CKR_TOKEN_WRITE_PROTECTED/);
    assert.match(tool(config, "--login", "--pin", USER, "--list-objects"), /label: +kept\n/);
  });

  test("login and its states follow the specification, for the user and the security officer", async () => {
    await token("states");
    application("states", configured("states", { slots: [{ token: "states" }] }), SO, USER);
  });

  test("the user of a token sees and uses the keys of its view alone, and what it does is recorded as its own", async () => {
    await token("viewing", { tags: ["mine"], algorithms: ["ECDSA-P256"] });
    await here.given("gRPC", generateKey, { keyId: "mine", algorithm: Algorithm.EcdsaP256, tags: ["mine"] });
    await here.given("gRPC", generateKey, { keyId: "other", algorithm: Algorithm.EcdsaP256 });
    await here.given("gRPC", generateKey, { keyId: "odd", algorithm: Algorithm.Ed25519, tags: ["mine"] });
    application("view", configured("viewing", { slots: [{ token: "viewing" }] }), USER, "mine");
    // Without a certificate nobody asks before the login, which brings the token's record; what is configured narrows it.
    const bare = (slot: object) => ({ cert: undefined, key: undefined, slots: [{ token: "viewing", ...slot }] });
    application("view", configured("bare", bare({})), USER, "mine");
    for (const [shown, slot] of [
      ["1", { namespace: "elsewhere", tags: ["mine"], algorithms: ["EcdsaP256", "Ed25519"] }],
      ["0", { algorithms: ["Ed25519"] }],
      ["0", { tags: ["narrow"] }],
    ] as const) {
      application("narrowed", configured("narrow", bare(slot)), USER, shown);
      application("narrowed", configured("narrow", { slots: [{ token: "viewing", ...slot }] }), USER, shown);
    }
    const { events } = (await here.given("gRPC", getAuditLog, { action: "Sign", keyId: "mine" })) as { events: { canonical: string }[] };
    assert.ok(events.length >= 2);
    for (const { canonical } of events) assert.match(canonical, /"principal":"token:viewing\.user"/);
  });

  test("who logs in to a token of another namespace, without a certificate, makes and finds keys where its record says", async () => {
    await here.given("gRPC", createNamespace, { namespace: "elsewhere" });
    await token("elsewhere", { namespace: "elsewhere", tags: ["theirs"], algorithms: ["ECDSA-P256"] });
    application("makes", configured("elsewhere", { cert: undefined, key: undefined, slots: [{ token: "elsewhere" }] }), USER);
    const { keys } = (await here.given("gRPC", listKeys, { namespace: "elsewhere" })) as { keys: { tags: string[]; algorithm: string }[] };
    assert.deepEqual(
      keys.map(({ tags, algorithm }) => [tags, algorithm]),
      [[["theirs"], "EcdsaP256"]],
    );
  });

  test("a key with always_authenticate signs once for each CKU_CONTEXT_SPECIFIC, of a token's user and of a local one", async () => {
    await token("asking");
    const asking = { keyId: "asking", algorithm: Algorithm.EcdsaP256, attributes: { alwaysAuthenticate: true } };
    await here.given("gRPC", generateKey, asking);
    application("context", configured("asking", { slots: [{ token: "asking" }] }), USER, "asking");
    const [first, own] = ["the first password 2", "a password of one's own"];
    await here.given("gRPC", createUser, { name: "signer", roles: ["Service"], namespaces: ["default"], password: bytes(first) });
    const user = configured("signer", { slots: [{ namespace: "default", user: "signer" }] });
    application("first", user, first, own);
    application("context", user, own, "asking");
  });

  test("the password of a local user is changed by C_SetPIN, also the first one, which opens nothing else", async () => {
    const first = "the first password 1";
    await here.given("gRPC", createUser, { name: "newcomer", roles: ["Service"], namespaces: ["default"], password: bytes(first) });
    application("password", configured("user", { slots: [{ namespace: "default", user: "newcomer" }] }), first, "a password of my own");
  });
});
