/** A key that allows some mechanisms alone is so through every door, and by the command. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { sign } from "@keystead/contract/operations/sign";
import { served } from "./served.ts";
import { SURFACES, ask } from "./surfaces.ts";
import { ENVIRONMENT } from "../environment.ts";

const here = served();
const data = Buffer.from("x");
const ROOT = join(import.meta.dirname, "../..");

test("through every door: listed when made, narrowed, held to, shown", async () => {
  for (const [at, surface] of SURFACES.entries()) {
    const keyId = `listed-${at}`;
    const allowedMechanisms = ["RSA-PSS-SHA-256", "rsa-pkcs1-sha-256"];
    await here.given(surface, generateKey, { keyId, algorithm: algorithmNumber("RSA-2048"), attributes: { allowedMechanisms } });
    await here.given(surface, sign, { keyId, data, scheme: SignatureScheme.PKCS1 });
    await here.given(surface, setAttributes, { keyId, attributes: { allowedMechanisms: ["RSA-PSS-SHA-256"] } });
    const refused = await ask(surface, here.door, sign, { keyId, data, scheme: SignatureScheme.PKCS1 });
    assert.deepEqual(
      [refused.code, refused.detail],
      ["KEY_USAGE_FORBIDS", `key '${keyId}' is not allowed to be used by RSA-PKCS1-SHA-256`],
      surface,
    );
    await here.given(surface, sign, { keyId, data });
    const { key } = await here.given(surface, getKey, { keyId });
    assert.deepEqual(key.attributes.allowed_mechanisms, ["RSA-PSS-SHA-256"], surface);
    const wider = await ask(surface, here.door, setAttributes, { keyId, attributes: { allowedMechanisms } });
    assert.equal(wider.code, "INVALID_REQUEST", surface);
  }
});

test("by the command", () => {
  const { door, server } = here;
  const keystead = (...line: string[]) =>
    spawnSync(process.execPath, [join(ROOT, "clients/cli/main.ts"), ...line], {
      encoding: "utf8",
      env: {
        ...ENVIRONMENT,
        KEYSTEAD_ENDPOINT: door.origin,
        KEYSTEAD_CA: join(server.data, "credentials/ca.pem"),
        KEYSTEAD_CLIENT_CERT: join(server.data, "credentials/admin.pem"),
        KEYSTEAD_CLIENT_KEY: join(server.data, "credentials/admin-key.pem"),
      },
    });
  const listed = "allowed_mechanisms=ecdsa-sha-256,ECDSA-DIGEST";
  const made = keystead("keys", "create", "ECDSA-P256", "--id", "by-command", "--attribute", listed);
  assert.equal(made.status, 0, made.stderr);
  const narrowed = keystead("keys", "attributes", "by-command", "--set", "allowed_mechanisms=ECDSA-DIGEST");
  assert.match(narrowed.stdout, /allowed_mechanisms +ECDSA-DIGEST\n/);
  const refused = keystead("sign", "by-command", "x");
  assert.match(refused.stderr, /not allowed to be used by ECDSA-SHA-256/);
  assert.notEqual(refused.status, 0);
});
