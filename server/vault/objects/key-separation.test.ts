/**
 * What an attacker who may use keys tries with their attributes (Clulow 2003; Bortolozzo and others 2010, "Tookan"), against
 * a whole vault: every way round a rule that a key carries.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, ExportPolicy, Kdf, KeyMaterialFormat, KeyMode, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { importKey } from "@keystead/contract/operations/import-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const OFFICER: Caller = { id: "user:officer", roles: ["Administrator"] };

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>) =>
  vault.askFrom(OFFICER, operation, request);
const code = (asking: Promise<unknown>): Promise<string> => vault.codeOf(asking);

test("what left under a trusted key does not come back without its guard, by UnwrapKey or by ImportKey", async () => {
  const { keyId: trusted } = await ask(generateKey, { algorithm: Algorithm.Aes256Kw, attributes: { trusted: true } });
  const { keyId: plainly } = await ask(generateKey, { algorithm: Algorithm.Aes256Kw });
  const guarded = { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.WRAPPED, attributes: { wrapWithTrusted: true } };
  const { keyId: targetKeyId } = await ask(generateKey, guarded);
  const { wrappedKey } = await ask(wrapKey, { keyId: trusted, targetKeyId });
  const asKey = { algorithm: Algorithm.Aes256Gcm };
  const wrapped = { format: KeyMaterialFormat.RAW, keyMaterial: wrappedKey, wrappingKeyId: trusted };
  for (const refused of [
    ask(unwrapKey, { keyId: trusted, wrappedKey, asKey: { ...asKey, exportable: ExportPolicy.PLAIN } }),
    ask(unwrapKey, { keyId: trusted, wrappedKey, asKey, attributes: { wrapWithTrusted: false } }),
    ask(importKey, { ...asKey, ...wrapped, exportable: ExportPolicy.PLAIN }),
    ask(importKey, { ...asKey, ...wrapped, attributes: { wrapWithTrusted: false } }),
  ])
    assert.equal(await code(refused), "KEY_ATTRIBUTE_FORBIDS");
  for (const sessionKey of [false, true])
    for (const back of [
      await ask(unwrapKey, { keyId: trusted, wrappedKey, asKey: { ...asKey, exportable: ExportPolicy.WRAPPED, sessionKey } }),
      await ask(importKey, { ...asKey, ...wrapped, exportable: ExportPolicy.WRAPPED, sessionKey }),
    ]) {
      assert.equal(back.key?.attributes?.wrapWithTrusted, true);
      assert.equal(await code(ask(wrapKey, { keyId: plainly, targetKeyId: back.keyId })), "KEY_NOT_EXTRACTABLE");
      assert.equal(await code(ask(exportKey, { keyId: back.keyId, plain: true })), "KEY_NOT_EXTRACTABLE");
    }
  // Under a key that nobody calls trusted, what is said counts.
  const { keyId: ordinary } = await ask(generateKey, { ...guarded, attributes: {} });
  const { wrappedKey: other } = await ask(wrapKey, { keyId: plainly, targetKeyId: ordinary });
  const free = await ask(unwrapKey, { keyId: plainly, wrappedKey: other, asKey: { ...asKey, exportable: ExportPolicy.WRAPPED } });
  assert.equal(free.key?.attributes?.wrapWithTrusted, false);
});

test("a key that came of another key is not called trusted: whoever uses that one has a twin of it that leaves", async () => {
  const { keyId: secret } = await ask(generateKey, { algorithm: Algorithm.GenericSecret });
  const wish = { keyId: secret, derivation: { function: Kdf.HKDF } };
  const asKey = { algorithm: Algorithm.Aes256Kw };
  assert.equal(await code(ask(deriveKey, { ...wish, asKey: { ...asKey, attributes: { trusted: true } } })), "INVALID_REQUEST");
  const { key } = await ask(deriveKey, { ...wish, asKey });
  assert.equal(await code(ask(setAttributes, { keyId: key?.keyId ?? "", attributes: { trusted: true } })), "INVALID_REQUEST");
});

test("a secret that makes codes derives nothing that its codes give away", async () => {
  const { keyId } = await ask(generateKey, { algorithm: Algorithm.GenericSecret, usage: [Usage.DERIVE, Usage.MAC] });
  // SP 800-108 Rev. 1 §4.1: the first block is the code of i || fixed input, and a key of 32 bytes is that block.
  const info = Buffer.from("purpose");
  const { mac } = await ask(generateMac, { keyId, data: Buffer.concat([Buffer.from("00000001", "hex"), info]), mode: KeyMode.HMAC_SHA256 });
  const asKey = { algorithm: Algorithm.Aes256Gcm, exportable: ExportPolicy.PLAIN };
  const derived = (from: string, kdf: Kdf): Promise<{ key?: { keyId: string } | undefined }> =>
    ask(deriveKey, { keyId: from, derivation: { function: kdf, ...(kdf === Kdf.COUNTER_HMAC ? { info } : {}) }, asKey });
  for (const kdf of [Kdf.COUNTER_HMAC, Kdf.PBKDF2, Kdf.SCRYPT]) assert.equal(await code(derived(keyId, kdf)), "KEY_USAGE_FORBIDS");
  const { key } = await derived(keyId, Kdf.HKDF);
  const { keyMaterial } = await ask(exportKey, { keyId: key?.keyId ?? "", plain: true });
  assert.notDeepEqual(Buffer.from(keyMaterial), Buffer.from(mac));
  // What is asked for nothing derives alone, and by every function; this is what the codes would have given away.
  const secret = { algorithm: Algorithm.GenericSecret, keyMaterial: Buffer.alloc(32, 7), format: KeyMaterialFormat.RAW };
  const { keyId: deriving } = await ask(importKey, secret);
  const { keyId: coding } = await ask(importKey, { ...secret, usage: [Usage.MAC] });
  const { key: made } = await derived(deriving, Kdf.COUNTER_HMAC);
  const told = await ask(exportKey, { keyId: made?.keyId ?? "", plain: true });
  const data = Buffer.concat([Buffer.from("00000001", "hex"), info]);
  assert.deepEqual(Buffer.from(told.keyMaterial), Buffer.from((await ask(generateMac, { keyId: coding, data })).mac));
});
