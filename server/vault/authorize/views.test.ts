/** Ways round the view of a token that were tried, and do not lead anywhere. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, ExportPolicy, KeyMaterialFormat, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { TokenPin } from "@keystead/contract/generated/hsm/tokens_pb";
import type { Operation } from "@keystead/contract/operation";
import { batch } from "@keystead/contract/operations/batch";
import { createToken } from "@keystead/contract/operations/create-token";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateCertificate } from "@keystead/contract/operations/generate-certificate";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listVersions } from "@keystead/contract/operations/list-versions";
import { loginToken } from "@keystead/contract/operations/login-token";
import { rewrapData } from "@keystead/contract/operations/rewrap-data";
import { unwrapKey } from "@keystead/contract/operations/unwrap-key";
import { updateKey } from "@keystead/contract/operations/update-key";
import { wrapKey } from "@keystead/contract/operations/wrap-key";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const PIN = "a pin of the user";
const tags = ["mine"];
const [AES, KW] = [Algorithm.Aes256Gcm, Algorithm.Aes256Kw];
/** Edits keys, and uses none. */
const KEEPER: Caller = { id: "user:keeper", roles: ["KeyAdmin"] };

let vault: ClockedVault;
let user: { token: string };
before(async () => {
  vault = await ClockedVault.open();
  for (const label of ["mine", "theirs"])
    await vault.ask(createToken, { label, tags: [label], soPin: Buffer.from("a pin of the officer"), userPin: Buffer.from(PIN) });
  const made = (keyId: string, algorithm: Algorithm, label: string): Promise<unknown> =>
    vault.ask(generateKey, { keyId, algorithm, tags: [label], exportable: ExportPolicy.WRAPPED });
  await made("my-ca", Algorithm.EcdsaP256, "mine");
  await made("my-aes", AES, "mine");
  await made("my-kw", KW, "mine");
  await made("their-ca", Algorithm.EcdsaP256, "theirs");
  await made("their-aes", AES, "theirs");
  await made("their-kw", KW, "theirs");
  const { tokens } = await vault.over(loginToken, { name: "mine", role: TokenPin.USER, pin: Buffer.from(PIN) });
  user = { token: tokens?.accessToken ?? "" };
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>) =>
  vault.over(operation, request, user);
const denied = async (asking: Promise<unknown>): Promise<void> => assert.equal(await vault.codeOf(asking), "PERMISSION_DENIED");

test("no second key of a request is one outside of the view", async () => {
  const { wrappedKey } = await ask(wrapKey, { keyId: "my-kw", targetKeyId: "my-aes" });
  const { wrappedKey: theirs } = await vault.ask(wrapKey, { keyId: "their-kw", targetKeyId: "their-aes" });
  const asKey = { algorithm: AES, tags };
  const wrapped = { algorithm: AES, format: KeyMaterialFormat.RAW, keyMaterial: theirs, tags };
  const certificate = { subject: "CN=subject", issuer: "CN=issuer", validityDays: 1 };
  await denied(ask(wrapKey, { keyId: "my-kw", targetKeyId: "their-aes" }));
  await denied(ask(wrapKey, { keyId: "their-kw", targetKeyId: "my-aes" }));
  await denied(ask(unwrapKey, { keyId: "their-kw", wrappedKey: theirs, asKey }));
  await denied(ask(unwrapKey, { keyId: "my-kw", wrappedKey, asKey: { ...asKey, tags: [] } }));
  await denied(ask(importKey, { ...wrapped, wrappingKeyId: "their-kw" }));
  await denied(ask(rewrapData, { keyId: "my-aes", ciphertext: Buffer.alloc(64), targetKeyId: "their-aes" }));
  await denied(ask(generateCertificate, { keyId: "my-ca", subjectKeyId: "their-ca", ...certificate }));
  await denied(ask(generateCertificate, { keyId: "my-ca", subjectKeyId: "absent", ...certificate }));
  await ask(generateKey, { keyId: "my-leaf", algorithm: Algorithm.EcdsaP256, tags });
  await ask(generateCertificate, { keyId: "my-ca", subjectKeyId: "my-leaf", ...certificate });
});

test("nothing is told of a key outside of the view, by lists, totals, pages, versions, public halves or items of a batch", async () => {
  for (const operation of [getPublicKey, listVersions]) await denied(ask(operation as typeof getPublicKey, { keyId: "their-ca" }));
  const { keys, total } = await ask(listKeys, { perPage: 1 });
  assert.equal(total, (await vault.ask(listKeys, { tags })).total);
  assert.ok(keys.every(({ keyId }) => keyId.startsWith("my-")));
  const seen: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await ask(findObjects, { perPage: 1, pageToken });
    seen.push(...page.keys.map(({ keyId }) => keyId));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.ok(seen.length > 2 && seen.every((keyId) => keyId.startsWith("my-")), seen.join());
  const { results } = await ask(batch, {
    items: [{ operation: { case: "encrypt", value: { keyId: "their-aes", plaintext: Buffer.from("x") } } }],
  });
  assert.equal(results[0]?.result.case === "error" && results[0].result.value.code, "PERMISSION_DENIED");
});

test("keys are put into a view and taken out of it by key:retag alone, and by nobody with a PIN into another token's", async () => {
  const both = [...tags, "theirs"];
  const importing = { algorithm: AES, format: KeyMaterialFormat.RAW, keyMaterial: Buffer.alloc(32), usage: [Usage.ENCRYPT] };
  await denied(ask(generateKey, { algorithm: AES, tags: both }));
  await denied(ask(importKey, { ...importing, tags: both }));
  await denied(ask(updateKey, { keyId: "my-aes", addTags: ["theirs"] }));
  const { wrappedKey } = await ask(wrapKey, { keyId: "my-kw", targetKeyId: "my-aes" });
  await denied(ask(unwrapKey, { keyId: "my-kw", wrappedKey, asKey: { algorithm: AES, tags: both } }));
  // Who may edit keys and not use them would use them by the PIN.
  await denied(vault.askFrom(KEEPER, updateKey, { keyId: "their-aes", addTags: ["mine"] }));
  await denied(vault.askFrom(KEEPER, updateKey, { keyId: "my-aes", removeTags: ["mine"] }));
  await vault.askFrom(KEEPER, updateKey, { keyId: "my-aes", addTags: ["another"] });
  await vault.askFrom(KEEPER, generateKey, { algorithm: AES, tags: both });
});
