/**
 * Keys made, changed, moved and destroyed through the PKCS#11 module against a live server: a program in Python that
 * walks templates (pkcs11/keys.py), and OpenSC's pkcs11-tool.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ExportPolicy, KeyMaterialFormat, KeyMode, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { copyKey } from "@keystead/contract/operations/copy-key";
import { createUser } from "@keystead/contract/operations/create-user";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { login } from "@keystead/contract/operations/login";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { setPassword } from "@keystead/contract/operations/set-password";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { applications } from "./pkcs11-applications.ts";
import { skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";
import { ask } from "./surfaces.ts";

const PIN = "a password of the application 1";

describe("keys through the module", { skip: skipModule }, () => {
  const here = served();
  const { configured, scenario, tool: toolWith, refused: refusedWith } = applications(here);
  const tool = (...args: readonly string[]): string => toolWith(configured("tool"), ...args);
  const refused = (...args: readonly string[]): string => refusedWith(configured("tool"), ...args);
  const file = (name: string): string => join(here.server.folder, name);
  const keys = (name: string, ...args: readonly string[]): void => scenario("keys", name, configured("keys"), ...args);

  test("a key of every kind is made, and has the attributes it was given", () => keys("generate"));
  test("a key is for what was asked, and for nothing that its kind cannot do", () => keys("usages"));
  test("what is wrong with a template has an answer of its own, and nothing is made", () => keys("templates"));
  test("session objects are of this process alone, and go with the session that made them", () => keys("sessions"));
  test("keys made elsewhere come in whole or not at all", () => keys("imports"));
  test("what may be changed is changed for every session, and the rest is refused", () => keys("changes"));
  test("a copy is another key of the same material, and never weaker", () => keys("copies"));
  test("keys go under keys and come back, and what cannot leave does not", () => keys("wrapping"));

  test("a pair has a subject, which is found", () => keys("subjects"));

  test("keys go under AES-GCM with associated data, with a nonce of the vault's", () => keys("authenticated"));
  test("both sides of an agreement derive one secret, and derivations are those of their specifications", () => keys("deriving"));
  test("what SP 800-108 derives is what it says, with feedback and as double pipeline", () => keys("sp800"));
  test("what was encapsulated is decapsulated", () => keys("encapsulation"));
  test("secrets have the length that somebody wants, and HMAC keys a type of their own", () => keys("sizes"));
  test("bare data is signed by keys that name it, and by no other", () => keys("raw"));
  test("every known way to a sensitive key by the interface alone is refused", () => keys("attacks"));

  test("who may not say what is trusted has no trusted key, and what asks for trust leaves under none", async () => {
    const origin = { origin: here.server.api, ca: here.server.credential("ca.pem") };
    const first = Buffer.from("the first password 1");
    await here.given("gRPC", createUser, { name: "maker", roles: ["KeyAdmin", "Service"], namespaces: ["default"], password: first });
    const { tokens } = await here.given("gRPC", login, { name: "maker", password: first }, origin);
    const own = { ...origin, token: (tokens as { access_token: string }).access_token };
    await here.given("gRPC", setPassword, { password: Buffer.from(PIN), currentPassword: first }, own);
    scenario("keys", "trust", configured("trust", { slots: [{ namespace: "default", user: "maker" }] }), PIN);
  });

  test("the same ways by REST: the vault refuses them, whatever library asks", async () => {
    const refuses = async (code: string, operation: Parameters<typeof ask>[2], request: Parameters<typeof ask>[3]): Promise<void> => {
      const answer = await ask("REST", here.door, operation, request);
      assert.equal(answer.ok ? "OK" : answer.code, code, operation.name);
    };
    const aes = algorithmNumber("AES-256");
    const [wraps, target] = ["attack-wraps", "attack-target"];
    const both = [Usage.WRAP, Usage.UNWRAP, Usage.DECRYPT];
    await refuses("INVALID_REQUEST", generateKey, { keyId: "attack-both", algorithm: aes, usage: both });
    await refuses("INVALID_REQUEST", importKey, {
      keyId: "attack-both",
      algorithm: aes,
      keyMaterial: randomBytes(32),
      format: KeyMaterialFormat.RAW,
      usage: [Usage.ENCRYPT, Usage.UNWRAP],
    });
    const exportable = ExportPolicy.WRAPPED;
    await here.given("REST", generateKey, { keyId: wraps, algorithm: aes, usage: [Usage.WRAP, Usage.UNWRAP], exportable });
    await here.given("REST", generateKey, { keyId: target, algorithm: aes, usage: [Usage.ENCRYPT, Usage.DECRYPT], exportable });
    const { wrapped_key: text } = await here.given("REST", wrapKey, { keyId: wraps, targetKeyId: target });
    const wrappedKey = Buffer.from(String(text), "base64");
    for (const usage of [Usage.DECRYPT, Usage.ENCRYPT])
      await refuses("INVALID_REQUEST", setAttributes, { keyId: wraps, attributes: { usage: [Usage.WRAP, Usage.UNWRAP, usage] } });
    await refuses("KEY_USAGE_FORBIDS", decrypt, {
      keyId: wraps,
      ciphertext: wrappedKey,
      nonce: Buffer.alloc(16),
      mode: KeyMode.CBC_NO_PADDING,
    });
    for (const asKey of [
      { algorithm: aes, usage: [Usage.WRAP, Usage.UNWRAP] },
      { algorithm: aes, usage: [Usage.ENCRYPT, Usage.DECRYPT], exportable: ExportPolicy.PLAIN },
      { algorithm: algorithmNumber("Generic-Secret"), exportable },
    ])
      await refuses("INVALID_REQUEST", unwrapKey, { keyId: wraps, wrappedKey, asKey });
    const weak = "attack-weak";
    await here.given("REST", generateKey, { keyId: weak, algorithm: algorithmNumber("AES-128"), usage: [Usage.WRAP, Usage.UNWRAP] });
    await refuses("WRAPPING_KEY_TOO_WEAK", wrapKey, { keyId: weak, targetKeyId: target });
    await refuses("INVALID_REQUEST", copyKey, { keyId: target, exportable: ExportPolicy.PLAIN });
    await refuses("INVALID_REQUEST", copyKey, { keyId: wraps, usage: both });
    await refuses("INVALID_REQUEST", setAttributes, { keyId: target, attributes: { sensitive: false } });
    await here.given("REST", setAttributes, { keyId: target, attributes: { wrapWithTrusted: true } });
    await refuses("KEY_NOT_EXTRACTABLE", wrapKey, { keyId: wraps, targetKeyId: target });
    await refuses("INVALID_REQUEST", setAttributes, { keyId: target, attributes: { wrapWithTrusted: false } });
  });

  const PAIRS = ["rsa:2048", "EC:prime256v1", "EC:secp384r1", "EC:secp521r1", "EC:secp256k1", "EC:edwards25519", "EC:curve25519"];
  test("pkcs11-tool makes pairs and secret keys of its types, renames and deletes them", () => {
    for (const [index, type] of [...PAIRS, "AES:16", "AES:32", "GENERIC:32"].entries()) {
      const [id, isPair] = [`70${index.toString(16).padStart(2, "0")}`, PAIRS.includes(type)];
      tool(isPair ? "--keypairgen" : "--keygen", "--key-type", type, "--id", id, "--label", `tool ${type}`);
      const kind = isPair ? "privkey" : "secrkey";
      tool("--set-id", `71${id}`, "--type", kind, "--id", id);
      assert.match(tool("--list-objects", "--type", kind, "--id", `71${id}`), new RegExp(`label: +tool ${type}\n`));
      tool("--delete-object", "--type", kind, "--id", `71${id}`);
      assert.doesNotMatch(tool("--list-objects"), new RegExp(`tool ${type}`), type);
    }
  });

  test("pkcs11-tool stores a private key and a secret, and works with them", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(file("rsa.der"), privateKey.export({ format: "der", type: "pkcs1" }));
    writeFileSync(file("secret"), randomBytes(32));
    tool("--write-object", file("rsa.der"), "--type", "privkey", "--id", "7201", "--label", "written", "--usage-sign");
    tool("--write-object", file("secret"), "--type", "secrkey", "--key-type", "AES:32", "--id", "7202", "--label", "written too");
    writeFileSync(file("message"), "to be signed");
    tool("--sign", "-m", "SHA256-RSA-PKCS", "--id", "7201", "-i", file("message"), "-o", file("signed"));
    tool("--verify", "-m", "SHA256-RSA-PKCS", "--id", "7201", "-i", file("message"), "--signature-file", file("signed"));
    refused("--read-object", "--type", "secrkey", "--id", "7202");
  });

  test("pkcs11-tool's own tests find nothing wrong, where an RSA key allows what they try: bare data and bare numbers", () => {
    const tested = configured("tested", { slots: [{ namespace: "default", label: "tested", tags: ["tested"] }] });
    for (const [index, ...words] of [
      ["0", "--key-type", "rsa:2048", "--usage-decrypt"],
      ["1", "--key-type", "EC:prime256v1"],
      ["2", "--key-type", "EC:edwards25519"],
    ] as const)
      toolWith(tested, "--keypairgen", "--id", `740${index}`, ...words);
    toolWith(tested, "--keygen", "--key-type", "AES:32", "--id", "7403");
    assert.match(toolWith(tested, "--test"), /No errors\n/);
    const listed = ["--allowed-mechanisms", "RSA-X-509,RSA-PKCS,SHA256-RSA-PKCS,SHA256-RSA-PKCS-PSS"];
    toolWith(tested, "--keypairgen", "--id", "7404", "--key-type", "rsa:2048", "--usage-sign", ...listed);
    // Of what verifies it tries one: the first that the module lists.
    assert.match(toolWith(tested, "--test"), /RSA-X-509: OK\n[^]*No errors\n/);
    toolWith(tested, "--keypairgen", "--id", "7405", "--key-type", "rsa:2048", "--usage-sign");
    assert.match(toolWith(tested, "--test"), /RSA-X-509: +ERR: C_Sign\(\) returned CKR_KEY_FUNCTION_NOT_PERMITTED \(0x68\)/);
  });

  test("pkcs11-tool wraps, unwraps and derives", () => {
    tool("--keygen", "--key-type", "AES:32", "--id", "7301", "--label", "wraps", "--usage-wrap");
    tool("--keygen", "--key-type", "AES:16", "--id", "7302", "--label", "leaves", "--extractable");
    tool("--wrap", "-m", "AES-KEY-WRAP", "--id", "7301", "--application-id", "7302", "-o", file("wrapped"));
    assert.equal(readFileSync(file("wrapped")).byteLength, 24);
    tool(
      "--unwrap",
      "-m",
      "AES-KEY-WRAP",
      "--id",
      "7301",
      "-i",
      file("wrapped"),
      "--key-type",
      "AES:16",
      "--application-id",
      "7303",
      "--extractable",
      "--sensitive",
    );
    const peer = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    writeFileSync(file("peer.der"), peer.publicKey.export({ format: "der", type: "spki" }));
    tool("--keypairgen", "--key-type", "EC:prime256v1", "--id", "7304", "--label", "derives", "--usage-derive");
    tool("--derive", "-m", "ECDH1-DERIVE", "--id", "7304", "-i", file("peer.der"), "-o", file("derived"));
    assert.equal(readFileSync(file("derived")).byteLength, 32);
  });
});
