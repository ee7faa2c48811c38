/**
 * Keys made, changed, moved and destroyed through the PKCS#11 module against a live server: a program in Python that
 * walks templates (pkcs11/keys.py), and OpenSC's pkcs11-tool.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { applications } from "./pkcs11-applications.ts";
import { skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

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
  test("both sides of an agreement derive one secret, and derivations are those of their specifications", () => keys("deriving"));
  test("what was encapsulated is decapsulated", () => keys("encapsulation"));
  test("every known way to a sensitive key by the interface alone is refused", () => keys("attacks"));

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
