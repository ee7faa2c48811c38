/** Uses of one key, or of a key and what was derived of it, that would undo each other, against a whole vault. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, ExportPolicy, Kdf, KeyMaterialFormat, KeyMode, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { copyKey } from "@keystead/contract/operations/copy-key";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { exportKey } from "@keystead/contract/operations/export-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { importKey } from "@keystead/contract/operations/import-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
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
  for (const kdf of [Kdf.COUNTER_HMAC, Kdf.FEEDBACK_HMAC, Kdf.PIPELINE_HMAC, Kdf.PBKDF2, Kdf.SCRYPT])
    assert.equal(await code(derived(keyId, kdf)), "KEY_USAGE_FORBIDS");
  // Nor does a copy that makes none itself, which would do it for the key.
  assert.equal(await code(ask(copyKey, { keyId, usage: [Usage.DERIVE] })), "INVALID_REQUEST");
  assert.equal(await code(ask(copyKey, { keyId, usage: [Usage.MAC] })), "OK");
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
