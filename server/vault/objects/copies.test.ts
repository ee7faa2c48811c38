/** CopyKey against a whole vault: the same material under another name, never weaker. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { Algorithm, ExportPolicy, KeyState, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { copyKey } from "@keystead/contract/operations/copy-key";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { deactivateKey } from "@keystead/contract/operations/deactivate-key";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { verify } from "@keystead/contract/operations/verify";
import { ClockedVault } from "../testing/clocked-vault.ts";

const ALICE = { id: "user:alice", roles: ["KeyAdmin", "Service", "Operator"] };
const DATA = Buffer.from("data");

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
});
after(() => vault.vault.log.close());

const ask = <I extends DescMessage, O extends DescMessage>(operation: Operation<I, O>, request: MessageInitShape<I>, who: object = {}) =>
  vault.askFrom({ ...ALICE, ...who }, operation, request);
const code = (asking: Promise<unknown>): Promise<string> => vault.codeOf(asking);
const made = async (request: MessageInitShape<typeof generateKey.method.input>): Promise<string> => (await ask(generateKey, request)).keyId;

test("a copy is the same key under another name, stored or in memory alone, of a key that is either", async () => {
  for (const from of [false, true])
    for (const to of [false, true]) {
      const keyId = await made({ algorithm: Algorithm.Aes256Gcm, sessionKey: from, tags: ["team:a"], attributes: { label: "l" } });
      const copy = await ask(copyKey, { keyId, sessionKey: to, tags: ["more"] });
      assert.equal(copy.key?.sessionKey, to);
      assert.equal(copy.keyId.startsWith("session-"), to);
      assert.deepEqual(copy.key.tags, ["team:a", "more"]);
      assert.equal(copy.key.attributes?.label, "l");
      assert.equal(copy.key.versions[0]?.derivedFrom, `${keyId}@v1`);
      const { ciphertext } = await ask(encrypt, { keyId, plaintext: DATA });
      assert.deepEqual(Buffer.from((await ask(decrypt, { keyId: copy.keyId, ciphertext })).plaintext), DATA);
      await ask(deleteKey, { keyId });
      assert.deepEqual(Buffer.from((await ask(decrypt, { keyId: copy.keyId, ciphertext })).plaintext), DATA);
      if (!to) await vault.reopen();
      if (!to) assert.deepEqual(Buffer.from((await ask(decrypt, { keyId: copy.keyId, ciphertext })).plaintext), DATA);
    }
});

test("a copy of a rotated key pair has its current version, and says where it is from", async () => {
  const keyId = await made({ algorithm: Algorithm.EcdsaP256, keyId: "pair" });
  await ask(rotateKey, { keyId });
  const { key, publicKey } = await ask(copyKey, { keyId, newKeyId: "twin", usage: [Usage.VERIFY] });
  const { signature } = await ask(sign, { keyId, data: DATA });
  assert.equal((await ask(verify, { keyId: "twin", data: DATA, signature })).valid, true);
  assert.match(publicKey, /BEGIN PUBLIC KEY/);
  assert.equal(key?.versions[0]?.derivedFrom, "pair@v2");
  assert.deepEqual([key?.attributes?.local, key?.attributes?.alwaysSensitive, key?.attributes?.neverExtractable], [true, true, true]);
  const event = (await vault.events("CopyKey")).at(-1);
  assert.deepEqual([event?.key, event?.other, event?.demands], ["pair", "twin", ["key:create"]]);
});

test("what is not copyable, not active, limited in its uses, or there already is not copied", async () => {
  const fixed = await made({ algorithm: Algorithm.Aes256Gcm, attributes: { copyable: false } });
  assert.equal(await code(ask(copyKey, { keyId: fixed })), "KEY_ATTRIBUTE_FORBIDS");
  const memory = await made({ algorithm: Algorithm.Aes256Gcm, sessionKey: true, attributes: { copyable: false } });
  assert.equal(await code(ask(copyKey, { keyId: memory })), "KEY_ATTRIBUTE_FORBIDS");
  const keyId = await made({ algorithm: Algorithm.Aes256Gcm, keyId: "there" });
  assert.equal(await code(ask(copyKey, { keyId, newKeyId: "there" })), "OBJECT_EXISTS");
  assert.equal(await code(ask(copyKey, { keyId, newKeyId: fixed })), "OBJECT_EXISTS");
  await ask(deactivateKey, { keyId });
  assert.equal(await code(ask(copyKey, { keyId })), "KEY_STATE_FORBIDS");
  const staged = await made({ algorithm: Algorithm.Aes256Gcm, state: KeyState.PRE_ACTIVATION });
  assert.equal(await code(ask(copyKey, { keyId: staged })), "KEY_STATE_FORBIDS");
  const limited = await made({ algorithm: Algorithm.Aes256Gcm, attributes: { maxUses: 3n } });
  assert.equal(await code(ask(copyKey, { keyId: limited, attributes: { maxUses: 1n } })), "INVALID_REQUEST");
  assert.equal(await code(ask(copyKey, { keyId: "nobody" })), "OBJECT_NOT_FOUND");
});

test("copying needs key:copy for the key and key:create, and what rules say of the key's tags holds for the copy", async () => {
  const keyId = await made({ algorithm: Algorithm.Aes256Gcm, keyId: "sealed-one", tags: ["sealed"] });
  assert.equal(await code(ask(copyKey, { keyId }, { roles: ["Operator"] })), "PERMISSION_DENIED");
  assert.equal(await code(ask(copyKey, { keyId, attributes: { trusted: true } })), "PERMISSION_DENIED");
  const denials = [
    { id: "sealed", members: ["user:alice"], permissions: ["crypto:encrypt"], namespaces: ["default"], keys: { tags: ["sealed"] } },
  ];
  await vault.ask(setPolicy, { document: JSON.stringify({ format: 1, denials }) });
  const copy = await ask(copyKey, { keyId });
  assert.equal(await code(ask(encrypt, { keyId: copy.keyId, plaintext: DATA })), "PERMISSION_DENIED");
  // A tag that it is to be out of reach by: judged as if the key had it.
  const more = [{ ...denials[0], id: "copying", permissions: ["key:copy"], keys: { tags: ["frozen"] } }];
  await vault.ask(setPolicy, { document: JSON.stringify({ format: 1, denials: more }), expectedVersion: 1 });
  assert.equal(await code(ask(copyKey, { keyId, tags: ["frozen"] })), "PERMISSION_DENIED");
  assert.equal(await code(ask(copyKey, { keyId })), "OK");
  await vault.ask(setPolicy, { document: JSON.stringify({ format: 1 }), expectedVersion: 2 });
});

const USAGES = [Usage.ENCRYPT, Usage.DECRYPT, Usage.WRAP_DATA_KEY];
const POLICIES = [ExportPolicy.NEVER, ExportPolicy.WRAPPED, ExportPolicy.PLAIN];
const flag = fc.option(fc.boolean(), { nil: undefined });
const some = {
  usage: fc.subarray(USAGES),
  exportable: fc.constantFrom(...POLICIES),
  sessionKey: fc.boolean(),
  modifiable: flag,
  wrapWithTrusted: flag,
  copyable: flag,
  destroyable: flag,
  days: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  ways: fc.constantFrom<string[]>([], ["AES-256-GCM"]),
};

test("law: whatever is asked for, a copy lets nobody do what the key does not", async () => {
  let made_ = 0;
  const attributesOf = ({ modifiable, wrapWithTrusted, copyable, destroyable, days, ways }: Wish) => ({
    modifiable,
    wrapWithTrusted,
    copyable,
    destroyable,
    allowedMechanisms: ways,
    ...(days === undefined ? {} : { endDate: { seconds: BigInt(Math.floor(vault.now / 1000) + days * 86_400), nanos: 0 } }),
  });
  interface Wish {
    readonly usage: Usage[];
    readonly exportable: ExportPolicy;
    readonly sessionKey: boolean;
    readonly modifiable: boolean | undefined;
    readonly wrapWithTrusted: boolean | undefined;
    readonly copyable: boolean | undefined;
    readonly destroyable: boolean | undefined;
    readonly days: number | undefined;
    readonly ways: string[];
  }
  await fc.assert(
    fc.asyncProperty(
      fc.record(some),
      fc.record({ ...some, exportable: fc.constantFrom(ExportPolicy.UNSPECIFIED, ...POLICIES) }),
      async (one, two) => {
        const { keyId } = await ask(generateKey, {
          algorithm: Algorithm.Aes256Gcm,
          usage: one.usage,
          exportable: one.exportable,
          sessionKey: one.sessionKey,
          attributes: attributesOf(one),
        });
        const copied = await ask(copyKey, {
          keyId,
          usage: two.usage,
          exportable: two.exportable,
          sessionKey: two.sessionKey,
          attributes: attributesOf(two),
        }).catch(() => undefined);
        if (copied === undefined) return;
        made_ += 1;
        const a = (await ask(getKey, { keyId })).key?.attributes;
        const b = (await ask(getKey, { keyId: copied.keyId })).key?.attributes;
        assert.ok(a !== undefined && b !== undefined);
        const implies = (left: boolean | undefined, right: boolean | undefined): boolean => left !== true || right === true;
        assert.ok(b.usage.every((usage) => a.usage.includes(usage)));
        assert.ok(implies(a.sensitive, b.sensitive) && implies(b.extractable, a.extractable));
        assert.ok(implies(a.wrapWithTrusted, b.wrapWithTrusted) && implies(b.copyable, a.copyable) && implies(b.modifiable, a.modifiable));
        assert.ok(implies(b.alwaysSensitive, a.alwaysSensitive) && implies(b.neverExtractable, a.neverExtractable));
        assert.ok(a.copyable);
        assert.ok(a.allowedMechanisms.length === 0 || b.allowedMechanisms.join() === a.allowedMechanisms.join());
        assert.ok(a.endDate === undefined || (b.endDate !== undefined && b.endDate.seconds <= a.endDate.seconds));
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(made_ > 20, "some are copied");
});
