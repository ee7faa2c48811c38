/** `HSM_PKCS11_TRACE`: a line for each call of the PKCS#11 module, with names, numbers and lengths, and nothing that is secret. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { createUser } from "@keystead/contract/operations/create-user";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { login } from "@keystead/contract/operations/login";
import { setPassword } from "@keystead/contract/operations/set-password";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule, builtProbe, skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

const PIN = "a password of the application 1";
const MESSAGE = "what is signed";
/** All that a line may be made of. */
const LINE =
  /^\d+\.\d{6} \d+ ThreadId\(\d+\) C_\w+\(((slot|session|object|in|room|needs|out)=\d+|CKM_\w+|CKA_\w+\[-?\d+\]|\.\.\.|, )*\) = CKR_\w+ \d+us$/;

describe("the module's trace", { skip: skipModule }, () => {
  const here = served();
  const folder = mkdtempSync(join(tmpdir(), "keystead-trace-"));
  let library = "";
  let probe = "";
  after(() => rmSync(folder, { recursive: true }));

  const configured = (): string => {
    const path = join(folder, "config.yaml");
    const ca = join(here.server.data, "credentials/ca.pem");
    writeFileSync(path, JSON.stringify({ endpoint: here.server.api, ca, slots: [{ namespace: "default", user: "person" }] }));
    return path;
  };
  /** Logs in and signs once. @returns standard output and standard error */
  const signed = (trace: string): { out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(probe, [library, "serve", "label=p256", "mechanism=ecdsa"], {
      env: { ...ENVIRONMENT, HSM_PKCS11_CONFIG: configured(), HSM_PIN: PIN, HSM_PKCS11_TRACE: trace },
      input: `${MESSAGE}\n`,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    return { out: stdout, err: stderr };
  };

  before(async () => {
    library = builtModule();
    probe = builtProbe();
    await here.given("gRPC", generateKey, { keyId: "p256", algorithm: algorithmNumber("ECDSA-P256") });
    const first = Buffer.from("the first password 1");
    await here.given("gRPC", createUser, { name: "person", roles: ["Service"], namespaces: ["default"], password: first });
    const stranger = { origin: here.server.api, ca: here.server.credential("ca.pem") };
    const { tokens } = await here.given("gRPC", login, { name: "person", password: first }, stranger);
    const own = { ...stranger, token: (tokens as { access_token: string }).access_token };
    await here.given("gRPC", setPassword, { password: Buffer.from(PIN), currentPassword: first }, own);
  });

  test("a private file has a line for each call, of names, numbers and lengths alone; a second process writes on", () => {
    const path = join(folder, "trace");
    assert.match(signed(path).out, /^ready\nok\n/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, "utf8");
    const lines = text.trimEnd().split("\n");
    for (const line of lines) assert.match(line, LINE);
    for (const [what, line] of [
      ["a login says nothing of its PIN", / C_Login\(\.\.\., session=\d+\) = CKR_OK /],
      ["a template by its types", / C_FindObjectsInit\(CKA_CLASS\[8\], CKA_LABEL\[4\], session=\d+\) = CKR_OK /],
      ["a mechanism by its name", / C_SignInit\(.*CKM_ECDSA.*\) = CKR_OK /],
      ["a signature by its length", / C_Sign\(.*in=32, room=512.*out=64\) = CKR_OK /],
      ["the end", / C_Finalize\(\) = CKR_OK /],
    ] as const)
      assert.ok(
        lines.some((found) => line.test(found)),
        `${what}:\n${text}`,
      );
    for (const secret of [PIN, MESSAGE])
      for (const encoding of ["utf8", "hex", "base64"] as const)
        assert.ok(!text.includes(Buffer.from(secret).toString(encoding).slice(0, 12)), `${secret} as ${encoding}`);
    signed(path);
    assert.equal(readFileSync(path, "utf8").trimEnd().split("\n").length, 2 * lines.length);
  });

  test("standard error has the lines when it is named, and a file that others may read has none", () => {
    assert.match(signed("stderr").err, / C_Initialize\(\) = CKR_OK /);
    const open = join(folder, "open");
    writeFileSync(open, "", { mode: 0o644 });
    assert.match(signed(open).out, /^ready\nok\n/);
    assert.equal(readFileSync(open, "utf8"), "");
    signed(join(folder, "no/such/folder"));
    assert.ok(!existsSync(join(folder, "no")));
  });
});
