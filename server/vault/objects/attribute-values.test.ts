import assert from "node:assert/strict";
import { test } from "node:test";
import { ATTRIBUTES, ATTRIBUTE_NAMES, type AttributeName } from "@keystead/contract/attributes";
import { KeyAttributesSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { STATE_NAMES } from "@keystead/contract/lifecycle";
import { attributesMatch, attributeValues, newLife, withAttributes, type SomeAttributes } from "./attribute-values.ts";
import { currentKeyAttributes, type KeyAttributes } from "./attributes.ts";

const KEY: KeyAttributes = {
  algorithm: "ECDSA-P256",
  state: "active",
  current: 2,
  usage: ["sign", "verify"],
  tags: [],
  description: "",
  createdAt: 1,
  updatedAt: 1,
  versions: [
    { version: 1, state: "deactivated", createdAt: 1, local: true, publicKey: "" },
    { version: 2, state: "active", createdAt: 1, local: true, publicKey: "" },
  ],
  label: "a",
  objectId: "00ff",
  exportable: "plain",
  alwaysSensitive: false,
  neverExtractable: false,
  modifiable: true,
};
const NOW = 1000;

/** The values after writing, or the refusal. */
const write = (wanted: SomeAttributes, key: KeyAttributes = KEY): string | Partial<KeyAttributes> => {
  try {
    return withAttributes("k", key, wanted, NOW);
  } catch (error) {
    return (error as Error).message;
  }
};

test("the attribute table names the fields of the message, and every attribute has a value or may be absent", () => {
  assert.deepEqual(
    ATTRIBUTE_NAMES,
    KeyAttributesSchema.fields.map(({ name }) => name),
  );
  const values = attributeValues(KEY) as unknown as Record<string, unknown>;
  assert.deepEqual(
    ATTRIBUTE_NAMES.filter((name) => values[name] === undefined),
    ["start_date", "end_date", "max_uses", "max_bytes", "allowed_mechanisms"],
  );
});

test("what is read-only cannot be written, whatever the value, not even the one that is there", () => {
  const values = attributeValues(KEY) as unknown as Record<string, never>;
  const readOnly = ATTRIBUTE_NAMES.filter((name) => ATTRIBUTES[name].change === "never");
  // Written down apart from the table: PKCS#11 3.1 §4.4 to §4.10.
  assert.deepEqual(readOnly, [
    "object_class",
    "key_type",
    "size_bits",
    "always_sensitive",
    "never_extractable",
    "local",
    "key_gen_mechanism",
  ]);
  for (const name of readOnly) assert.equal(write({ [name]: values[name] }), `INVALID_REQUEST: attributes.${name}: is read-only`, name);
});

test("sensitive only becomes true and extractable only false, and together they say how a key may leave", () => {
  assert.equal((write({ sensitive: true }) as KeyAttributes).exportable, "wrapped");
  assert.equal((write({ extractable: false }) as KeyAttributes).exportable, "never");
  assert.equal((write({ sensitive: false, extractable: true }) as KeyAttributes).exportable, "plain");
  const wrapped: KeyAttributes = { ...KEY, exportable: "wrapped" };
  assert.equal(write({ sensitive: false }, wrapped), "INVALID_REQUEST: attributes.sensitive: can only become true");
  assert.equal((write({ extractable: true }, wrapped) as KeyAttributes).exportable, "wrapped");
  const never: KeyAttributes = { ...KEY, exportable: "never" };
  assert.equal(write({ extractable: true }, never), "INVALID_REQUEST: attributes.extractable: can only become false");
  assert.equal((write({ sensitive: true }, never) as KeyAttributes).exportable, "never");
  // Tightened later is not the same as tight from the beginning.
  const tightened = attributeValues(write({ sensitive: true, extractable: false }) as KeyAttributes);
  assert.deepEqual([tightened.always_sensitive, tightened.never_extractable], [false, false]);
});

test("wrap_with_trusted only becomes true and copyable only false; destroyable goes both ways; always_authenticate is said at the start", () => {
  const guarded = write({ wrap_with_trusted: true, copyable: false, destroyable: false }) as KeyAttributes;
  assert.deepEqual([guarded.wrapWithTrusted, guarded.copyable, guarded.destroyable], [true, false, false]);
  assert.equal(write({ wrap_with_trusted: false }, guarded), "INVALID_REQUEST: attributes.wrap_with_trusted: can only become true");
  assert.equal(write({ copyable: true }, guarded), "INVALID_REQUEST: attributes.copyable: can only become false");
  assert.equal((write({ destroyable: true }, guarded) as KeyAttributes).destroyable, true);
  for (const value of [true, false])
    assert.equal(write({ always_authenticate: value }), "INVALID_REQUEST: attributes.always_authenticate: is said when the key is made");
});

test("a subject is written freely, of a key that has a private half, and is found again", () => {
  const pair: KeyAttributes = { ...KEY, algorithm: "Ed25519", usage: ["sign", "verify"] };
  const somebodys = write({ subject: "3000" }, pair) as KeyAttributes;
  assert.equal(attributeValues(somebodys).subject, "3000");
  assert.equal(attributesMatch(somebodys, { subject: "3000" }), true);
  assert.equal(attributesMatch(somebodys, { subject: "3001" }), false);
  assert.equal((write({ subject: "" }, somebodys) as KeyAttributes).subject, "");
  const secret: KeyAttributes = { ...KEY, algorithm: "AES-256-GCM", usage: ["encrypt", "decrypt"] };
  assert.equal(write({ subject: "3000" }, secret), "INVALID_REQUEST: attributes.subject: is for keys that have a private half");
  assert.equal(newLife("Ed25519", { subject: "3000" }, undefined, 0).subject, "3000");
  assert.throws(() => newLife("AES-256-GCM", { subject: "3000" }, undefined, 0), { code: "INVALID_REQUEST" });
});

test("only a key that wraps and never leaves can be called trusted", () => {
  const wrapping: KeyAttributes = { ...KEY, algorithm: "AES-256-KW", usage: ["wrap", "unwrap"], exportable: "never" };
  assert.equal((write({ trusted: true }, wrapping) as KeyAttributes).trusted, true);
  assert.equal((write({ trusted: false }, { ...wrapping, trusted: true }) as KeyAttributes).trusted, false);
  assert.match(String(write({ trusted: true }, { ...wrapping, exportable: "wrapped" })), /^INVALID_REQUEST: attributes\.trusted/);
  assert.match(String(write({ trusted: true }, { ...wrapping, usage: ["unwrap"] })), /^INVALID_REQUEST: attributes\.trusted/);
  assert.match(String(write({ trusted: true })), /^INVALID_REQUEST: attributes\.trusted/);
  // Given up with the same request, it may be said at once.
  assert.equal((write({ trusted: true, extractable: false }, { ...wrapping, exportable: "wrapped" }) as KeyAttributes).trusted, true);
});

test("usages are given up and never gained", () => {
  assert.deepEqual((write({ usage: ["verify"] }) as KeyAttributes).usage, ["verify"]);
  assert.equal(
    write({ usage: ["sign"] }, { ...KEY, usage: ["verify"] }),
    "INVALID_REQUEST: attributes.usage: usages can be given up, not gained",
  );
});

test("a key that is not modifiable stays as it is, and does not become modifiable again", () => {
  const fixed = write({ modifiable: false }) as KeyAttributes;
  assert.equal(fixed.modifiable, false);
  for (const wanted of [{ label: "b" }, { modifiable: true }, { modifiable: false }, { sensitive: true }] satisfies SomeAttributes[])
    assert.equal(write(wanted, fixed), "KEY_ATTRIBUTE_FORBIDS: key 'k' is not modifiable");
});

test("dates lie ahead and in order; a start only while the key is staged", () => {
  assert.equal((write({ end_date: NOW + 1 }) as KeyAttributes).endDate, NOW + 1);
  assert.equal(write({ end_date: NOW }), "INVALID_REQUEST: attributes.end_date: must lie ahead");
  assert.equal(write({ start_date: NOW + 1 }), "INVALID_REQUEST: attributes.start_date: can only be written while the key is staged");
  const staged: KeyAttributes = { ...KEY, state: "pre_activation" };
  assert.equal((write({ start_date: NOW + 1 }, staged) as KeyAttributes).startDate, NOW + 1);
  assert.equal(write({ start_date: NOW + 2, end_date: NOW + 2 }, staged), "INVALID_REQUEST: attributes.end_date: must be after start_date");
});

test("one refused attribute leaves all of them alone; none at all is a mistake", () => {
  const before = JSON.stringify(KEY);
  assert.match(String(write({ label: "new", local: false })), /^INVALID_REQUEST: attributes\.local/);
  assert.equal(write({}), "INVALID_REQUEST: attributes: none is given");
  assert.equal(JSON.stringify(KEY), before);
});

test("attributes are written in the states of a key that lives, and in no other", () => {
  const answers = STATE_NAMES.map((state) => [state, typeof write({ label: "b" }, { ...KEY, state }) !== "string"]);
  assert.deepEqual(Object.fromEntries(answers), {
    pre_activation: true,
    active: true,
    suspended: true,
    deactivated: true,
    revoked: true,
    compromised: true,
    purge_scheduled: false,
    destroyed: false,
  });
});

test("a match is equality, of usages containment, of nothing everything", () => {
  const values = attributeValues({ ...KEY, endDate: 7 });
  for (const name of ATTRIBUTE_NAMES.filter((name): name is AttributeName => values[name] !== undefined))
    assert.equal(attributesMatch({ ...KEY, endDate: 7 }, { [name]: values[name] }), true, name);
  assert.equal(attributesMatch(KEY, {}), true);
  assert.equal(attributesMatch(KEY, { usage: ["sign"] }), true);
  assert.equal(attributesMatch(KEY, { usage: ["sign", "encrypt"] }), false);
  assert.equal(attributesMatch(KEY, { label: "a", id: "00ff", extractable: true }), true);
  assert.equal(attributesMatch(KEY, { label: "a", extractable: false }), false);
  assert.equal(attributesMatch(KEY, { end_date: 7 }), false);
});

test("a new key takes what may be given then, and is staged when its start lies ahead", () => {
  assert.deepEqual(newLife("Ed25519", {}, undefined, NOW), { state: "active", label: "", objectId: "", modifiable: true });
  assert.deepEqual(newLife("Ed25519", { label: "l", id: "aa", modifiable: false, start_date: 2000, end_date: 3000 }, undefined, NOW), {
    state: "pre_activation",
    label: "l",
    objectId: "aa",
    modifiable: false,
    startDate: 2000,
    endDate: 3000,
  });
  const refusal = (wanted: SomeAttributes, state: "active" | "pre_activation" | undefined, now: number): string => {
    try {
      return newLife("Ed25519", wanted, state, now).state;
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.equal(refusal({ start_date: 2000 }, "active", NOW), "INVALID_REQUEST: attributes.start_date: the key is to be active at once");
  assert.equal(refusal({ start_date: NOW }, undefined, NOW), "INVALID_REQUEST: attributes.start_date: must lie ahead");
  assert.equal(refusal({ end_date: NOW }, undefined, NOW), "INVALID_REQUEST: attributes.end_date: must lie ahead");
  assert.equal(refusal({}, "pre_activation", NOW), "pre_activation");
  for (const name of ATTRIBUTE_NAMES.filter((name) => !ATTRIBUTES[name].atCreation))
    assert.equal(
      refusal({ [name]: (attributeValues(KEY) as unknown as Record<string, never>)[name] }, undefined, NOW),
      `INVALID_REQUEST: attributes.${name}: cannot be given when a key is made`,
    );
});

test("a record of before these attributes existed is what it meant then", () => {
  const { label: _, objectId: __, exportable: ___, alwaysSensitive: ____, neverExtractable: _____, modifiable: ______, ...old } = KEY;
  const values = attributeValues(currentKeyAttributes(old));
  assert.deepEqual(
    [values.label, values.sensitive, values.extractable, values.always_sensitive, values.never_extractable, values.modifiable],
    ["", true, false, true, true, true],
  );
  const imported = attributeValues(
    currentKeyAttributes({ ...old, versions: old.versions.map((version) => ({ ...version, local: false })) }),
  );
  assert.deepEqual([imported.always_sensitive, imported.never_extractable, imported.key_gen_mechanism], [false, false, ""]);
});
