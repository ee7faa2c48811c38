/** Stored objects against a whole vault whose clock the test holds. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { StoredObjectClass, StoreObjectRequestSchema, type StoredObject } from "@keystead/contract/generated/hsm/stored_objects_pb";
import { TokenPin } from "@keystead/contract/generated/hsm/tokens_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createToken } from "@keystead/contract/operations/create-token";
import { deleteNamespace } from "@keystead/contract/operations/delete-namespace";
import { deleteStoredObject } from "@keystead/contract/operations/delete-stored-object";
import { findStoredObjects } from "@keystead/contract/operations/find-stored-objects";
import { generateCertificate } from "@keystead/contract/operations/generate-certificate";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getStoredObject } from "@keystead/contract/operations/get-stored-object";
import { initToken } from "@keystead/contract/operations/init-token";
import { loginToken } from "@keystead/contract/operations/login-token";
import { storeObject } from "@keystead/contract/operations/store-object";
import { updateStoredObject } from "@keystead/contract/operations/update-stored-object";
import { derElement, derSequence } from "@keystead/crypto/formats/der-writer";
import { readableRequest } from "../approvals/subject.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

let vault: ClockedVault;
let certificate: Buffer;
before(async () => {
  vault = await ClockedVault.open();
  await vault.ask(createNamespace, { namespace: "other" });
  await vault.ask(generateKey, { keyId: "ca", algorithm: Algorithm.EcdsaP256 });
  const made = await vault.ask(generateCertificate, { keyId: "ca", subject: "CN=web,O=Keystead", validityDays: 30 });
  certificate = new X509Certificate(made.certificate).raw;
});
after(() => vault.vault.log.close());

const refused = (asking: Promise<unknown>, code: string): Promise<void> => assert.rejects(asking, { code });
type Wanted = Omit<MessageInitShape<typeof StoreObjectRequestSchema>, "$typeName" | "$unknown">;
async function store(wanted: Wanted): Promise<StoredObject> {
  const { object } = await vault.ask(storeObject, { objectClass: StoredObjectClass.DATA, value: Buffer.from("value"), ...wanted });
  assert.ok(object !== undefined);
  return object;
}
const PIN = (): Buffer => Buffer.from("a pin of a token");
const CERTIFICATE = StoredObjectClass.CERTIFICATE;
const found = async (asked: object, namespace = "default"): Promise<string[]> =>
  (await vault.ask(findStoredObjects, { namespace, ...asked })).objects.map(({ objectId }) => objectId);

test("a certificate is stored with what it says of itself, and comes back whole, also after a restart", async () => {
  const made = await store({ objectClass: CERTIFICATE, value: certificate, label: "web", id: Buffer.from("0a1b", "hex") });
  assert.equal(made.value.length, 0);
  await vault.reopen();
  const { object } = await vault.ask(getStoredObject, { objectId: made.objectId });
  assert.ok(object !== undefined && certificate.equals(object.value));
  // The name and number that Node reads out of the same certificate.
  const { serialNumber } = new X509Certificate(certificate);
  assert.ok(Buffer.from(object.serialNumber).toString("hex").toUpperCase().endsWith(serialNumber));
  assert.ok(certificate.includes(object.subject) && Buffer.from(object.subject).equals(Buffer.from(object.issuer)));
  assert.ok(Buffer.from(object.subject).includes(Buffer.from("web")));
  for (const asked of [
    { objectClass: CERTIFICATE },
    { label: "web" },
    { id: Buffer.from("0a1b", "hex") },
    { subject: object.subject },
    { issuer: object.issuer, serialNumber: object.serialNumber },
  ])
    assert.deepEqual(await found(asked), [made.objectId]);
  for (const asked of [{ objectClass: StoredObjectClass.DATA }, { label: "we" }, { id: Buffer.alloc(0) }, { issuer: Buffer.from("x") }])
    assert.deepEqual(await found({ ...asked, label: "label" in asked ? asked.label : "web" }), []);
});

test("what is no certificate, and one that says something else than the request, is refused", async () => {
  const wrong = (more: Wanted): Promise<StoredObject> => store({ objectClass: CERTIFICATE, value: certificate, ...more });
  for (const value of [Buffer.alloc(0), Buffer.from("text"), certificate.subarray(0, -1), Buffer.concat([certificate, Buffer.alloc(1)])])
    await refused(wrong({ value }), "INVALID_REQUEST");
  for (const more of [{ subject: Buffer.from("30") }, { issuer: Buffer.from("30") }, { serialNumber: Buffer.from("020101", "hex") }])
    await refused(wrong(more), "INVALID_REQUEST");
  await refused(wrong({ application: "a" }), "INVALID_REQUEST");
  await refused(store({ trusted: true }), "INVALID_REQUEST");
  await refused(store({ id: Buffer.from("01", "hex") }), "INVALID_REQUEST");
  await refused(store({ value: Buffer.alloc(65_537) }), "INVALID_REQUEST");
  assert.equal((await store({ value: Buffer.alloc(65_536), label: "large" })).valueBytes, 65_536);
});

test("private objects are there for whoever says so and may, and for nobody else", async () => {
  const { objectId } = await store({ label: "secret", private: true });
  assert.deepEqual(await found({ label: "secret" }), []);
  assert.deepEqual(await found({ label: "secret", private: true }), [objectId]);
  await refused(vault.ask(getStoredObject, { objectId }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(updateStoredObject, { objectId, label: "x" }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(deleteStoredObject, { objectId }), "OBJECT_NOT_FOUND");
  const auditor = { roles: ["Auditor"], namespaces: ["default"] };
  await refused(vault.askFrom(auditor, findStoredObjects, { label: "secret", private: true }), "PERMISSION_DENIED");
  await refused(vault.askFrom(auditor, getStoredObject, { objectId, private: true }), "PERMISSION_DENIED");
  await refused(vault.askFrom(auditor, storeObject, { objectClass: StoredObjectClass.DATA }), "PERMISSION_DENIED");
  const user = { roles: ["KeyUser"], namespaces: ["default"] };
  assert.equal((await vault.askFrom(user, getStoredObject, { objectId, private: true })).object?.label, "secret");
  await refused(vault.askFrom(user, deleteStoredObject, { objectId, private: true }), "PERMISSION_DENIED");
});

test("an object of another namespace is not there", async () => {
  const { objectId } = await store({ namespace: "other", label: "theirs" });
  await refused(vault.ask(getStoredObject, { objectId }), "OBJECT_NOT_FOUND");
  assert.deepEqual(await found({ label: "theirs" }), []);
  assert.deepEqual(await found({ label: "theirs" }, "other"), [objectId]);
  await refused(vault.askFrom({ namespaces: ["default"] }, getStoredObject, { namespace: "other", objectId }), "PERMISSION_DENIED");
  await refused(store({ namespace: "absent" }), "OBJECT_NOT_FOUND");
});

test("what may be changed is changed and found anew; what may not be changed or removed stays", async () => {
  const data = await store({ label: "first", application: "one" });
  const { object } = await vault.ask(updateStoredObject, {
    objectId: data.objectId,
    label: "second",
    application: "two",
    value: Buffer.from("another value"),
  });
  assert.deepEqual([object?.label, object?.application, object?.valueBytes], ["second", "two", 13]);
  assert.deepEqual([await found({ label: "first" }), await found({ application: "two" })], [[], [data.objectId]]);
  assert.equal(
    Buffer.from((await vault.ask(getStoredObject, { objectId: data.objectId })).object?.value ?? []).toString(),
    "another value",
  );
  await refused(vault.ask(updateStoredObject, { objectId: data.objectId, id: Buffer.from("01", "hex") }), "INVALID_REQUEST");
  const web = await store({ objectClass: CERTIFICATE, value: certificate, label: "kept", modifiable: false, destroyable: false });
  await refused(vault.ask(updateStoredObject, { objectId: web.objectId, label: "x" }), "KEY_STATE_FORBIDS");
  await refused(vault.ask(deleteStoredObject, { objectId: web.objectId }), "KEY_STATE_FORBIDS");
  const other = await store({ objectClass: CERTIFICATE, value: certificate });
  await refused(vault.ask(updateStoredObject, { objectId: other.objectId, value: certificate }), "INVALID_REQUEST");
  // Who may store objects does not say for others that a certificate is trusted.
  const operator = { roles: ["Operator"] };
  const trust = { objectId: other.objectId, trusted: true };
  await refused(vault.askFrom(operator, updateStoredObject, trust), "PERMISSION_DENIED");
  const trusting = { objectClass: CERTIFICATE, value: certificate, trusted: true };
  await refused(vault.askFrom(operator, storeObject, trusting), "PERMISSION_DENIED");
  assert.equal((await vault.ask(updateStoredObject, trust)).object?.trusted, true);
  await vault.ask(deleteStoredObject, { objectId: other.objectId });
  await refused(vault.ask(getStoredObject, { objectId: other.objectId }), "OBJECT_NOT_FOUND");
});

test("a namespace's quota counts keys and objects together", async () => {
  await vault.ask(createNamespace, { namespace: "small", maxKeys: 2 });
  await vault.ask(generateKey, { namespace: "small", algorithm: Algorithm.Ed25519 });
  await store({ namespace: "small", label: "last" });
  await refused(store({ namespace: "small" }), "QUOTA_EXCEEDED");
  const [last = ""] = await found({}, "small");
  await vault.ask(deleteStoredObject, { namespace: "small", objectId: last });
  // Two at once do not both take the last place.
  const codes = await Promise.all([0, 1].map(() => vault.codeOf(store({ namespace: "small" }))));
  assert.deepEqual(codes.sort(), ["OK", "QUOTA_EXCEEDED"]);
  // Nor does a key take one that an object has, or both the same one.
  const key = (): Promise<string> =>
    vault.codeOf(vault.ask(generateKey, { namespace: "small", algorithm: Algorithm.Ed25519, tags: ["from-here"] }));
  assert.equal(await key(), "QUOTA_EXCEEDED");
  const [only = ""] = await found({}, "small");
  await vault.ask(deleteStoredObject, { namespace: "small", objectId: only });
  const mixed = await Promise.all([key(), vault.codeOf(store({ namespace: "small" })), key(), vault.codeOf(store({ namespace: "small" }))]);
  assert.deepEqual(mixed.sort(), ["OK", "QUOTA_EXCEEDED", "QUOTA_EXCEEDED", "QUOTA_EXCEEDED"]);
});

test("objects come in pages by their ids", async () => {
  await vault.ask(createNamespace, { namespace: "paged" });
  const made: string[] = [];
  for (let index = 0; index < 5; index += 1) made.push((await store({ namespace: "paged", label: "many" })).objectId);
  const seen: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await vault.ask(findStoredObjects, { namespace: "paged", label: "many", perPage: 2, pageToken });
    seen.push(...page.objects.map(({ objectId }) => objectId));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.deepEqual(seen, made.sort());
});

test("a token shows the objects that carry its tags, the private ones to its user alone, and stores no others", async () => {
  const pins = { soPin: Buffer.from("officer's pin"), userPin: Buffer.from("user's own pin") };
  await vault.ask(createToken, { label: "tagged", tags: ["tagged"], ...pins });
  const enter = async (role: TokenPin, pin: Buffer): Promise<{ token: string }> => ({
    token: (await vault.over(loginToken, { name: "tagged", role, pin })).tokens?.accessToken ?? "",
  });
  const user = await enter(TokenPin.USER, Buffer.from("user's own pin"));
  const officer = await enter(TokenPin.SO, Buffer.from("officer's pin"));
  const outside = await store({ label: "tagged" });
  const open = await store({ label: "tagged", tags: ["tagged", "more"] });
  const hidden = await store({ label: "tagged", tags: ["tagged"], private: true });
  const ids = async (seen: { token: string }, isPrivate: boolean): Promise<string[]> =>
    (await vault.over(findStoredObjects, { label: "tagged", private: isPrivate }, seen)).objects.map(({ objectId }) => objectId).sort();
  assert.deepEqual(await ids(user, true), [open.objectId, hidden.objectId].sort());
  assert.deepEqual(await ids(officer, false), [open.objectId]);
  await refused(ids(officer, true), "PERMISSION_DENIED");
  await refused(vault.over(getStoredObject, { objectId: outside.objectId }, user), "OBJECT_NOT_FOUND");
  await refused(vault.over(deleteStoredObject, { objectId: outside.objectId }, user), "OBJECT_NOT_FOUND");
  const fresh = { objectClass: StoredObjectClass.DATA, label: "new" };
  await refused(vault.over(storeObject, fresh, user), "PERMISSION_DENIED");
  await refused(vault.over(storeObject, { ...fresh, tags: ["tagged"] }, officer), "PERMISSION_DENIED");
  const { object } = await vault.over(storeObject, { ...fresh, tags: ["tagged"] }, user);
  // An officer says which certificates are trusted, and nothing else of any object.
  const web = await store({ objectClass: CERTIFICATE, value: certificate, tags: ["tagged"] });
  await refused(vault.over(updateStoredObject, { objectId: web.objectId, trusted: true }, user), "PERMISSION_DENIED");
  await refused(vault.over(updateStoredObject, { objectId: web.objectId, trusted: true, label: "x" }, officer), "PERMISSION_DENIED");
  await refused(vault.over(updateStoredObject, { objectId: open.objectId, label: "x" }, officer), "PERMISSION_DENIED");
  await refused(vault.over(deleteStoredObject, { objectId: open.objectId }, officer), "PERMISSION_DENIED");
  assert.equal((await vault.over(updateStoredObject, { objectId: web.objectId, trusted: true }, officer)).object?.trusted, true);
  await refused(vault.over(initToken, {}, officer), "KEY_STATE_FORBIDS");
  for (const { objectId } of [open, hidden, web, object as StoredObject])
    await vault.over(deleteStoredObject, { objectId, private: true }, user);
  await vault.over(initToken, {}, officer);
});

test("what is stored, changed and removed is recorded with the object's name; with a namespace its objects go", async () => {
  await vault.ask(createNamespace, { namespace: "ending" });
  const { objectId } = await store({ namespace: "ending", label: "recorded" });
  const event = (await vault.events("StoreObject")).find(({ key }) => key === objectId);
  assert.deepEqual([event?.namespace, event?.outcome], ["ending", "OK"]);
  await vault.ask(deleteNamespace, { namespace: "ending", reason: "over" });
  await vault.pass(31 * 86_400_000);
  await vault.ask(createNamespace, { namespace: "ending" });
  assert.deepEqual(await found({ private: true }, "ending"), []);
});

test("nobody with a PIN stores anything that another token would show", async () => {
  for (const name of ["planter", "planted"]) await vault.ask(createToken, { label: name, tags: [name], soPin: PIN(), userPin: PIN() });
  const { tokens } = await vault.over(loginToken, { name: "planter", role: TokenPin.USER, pin: PIN() });
  const put = (tags: string[]): Promise<unknown> =>
    vault.over(
      storeObject,
      { objectClass: CERTIFICATE, value: certificate, label: "a trusted authority", tags },
      { token: tokens?.accessToken ?? "" },
    );
  await put(["planter", "other"]);
  await refused(put(["planter", "planted"]), "PERMISSION_DENIED");
  assert.deepEqual(await found({ tags: ["planted"] }), []);
});

test("a certificate whose names would fill the memory of the vault is not stored", async () => {
  const put = (nameBytes: number): Promise<unknown> => {
    const [name, empty] = [derSequence(Buffer.alloc(nameBytes - 4)), derSequence()];
    const said = derSequence(derElement(0x02, Buffer.from([1])), empty, name, empty, name);
    return store({ objectClass: CERTIFICATE, value: derSequence(said, empty, derElement(0x03, Buffer.from([0]))) });
  };
  await put(2048);
  await refused(put(2049), "INVALID_REQUEST");
  await refused(put(30_000), "INVALID_REQUEST");
});

test("no event has a digest of a value, which could be guessed by it, and who approves is shown none", async () => {
  const { objectId } = await store({ label: "code of the door", private: true, value: Buffer.from("1234") });
  await vault.ask(updateStoredObject, { objectId, private: true, value: Buffer.from("4321") });
  const events = (await vault.events()).filter(({ action }) => action === "StoreObject" || action === "UpdateStoredObject");
  assert.ok(events.length > 1);
  for (const { payload } of events) assert.equal(payload, "");
  const request = create(StoreObjectRequestSchema, { objectClass: StoredObjectClass.DATA, value: Buffer.from("1234") });
  assert.equal((readableRequest(StoreObjectRequestSchema, request) as { value?: unknown }).value, "[secret]");
});
