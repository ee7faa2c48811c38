import assert from "node:assert/strict";
import { test } from "node:test";
import { create, setExtension, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { FieldOptionsSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import fc from "fast-check";
import {
  BytesRulesSchema,
  FieldRulesSchema,
  StringRulesSchema,
  field as fieldOption,
  type FieldRules,
} from "./generated/buf/validate/validate_pb.ts";
import {
  BatchRequestSchema,
  GenerateDataKeyRequestSchema,
  GenerateKeyRequestSchema,
  SignRequestSchema,
  VerifyRequestSchema,
} from "./generated/hsm/hsm_pb.ts";
import { OPERATIONS } from "./operations/register.ts";
import { validatorFor } from "./validate.ts";

const oracle = createValidator();

/** Top-level fields that the general engine finds fault with. */
function oracleFields(desc: DescMessage, message: Message): readonly string[] {
  const result = oracle.validate(desc, message);
  if (result.kind === "error") throw result.error;
  if (result.kind === "valid") return [];
  return [...new Set(result.violations.map(({ field }) => (field[0] as { name: string }).name))].sort();
}

const ourFields = (desc: DescMessage, message: Message): readonly string[] =>
  [...new Set(validatorFor(desc)(message).map(({ field }) => field.split(/[.[]/)[0] as string))].sort();

const names = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "a",
    "key-1",
    "Key_1.x",
    "-a",
    "a/b",
    "ü",
    "😀",
    "a\n",
    "a".repeat(63),
    "a".repeat(64),
    "b".repeat(128),
    "b".repeat(129),
    "😀".repeat(1024),
    "😀".repeat(1025),
  ),
  fc.string({ maxLength: 140 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const numbers = fc.oneof(
  fc.constantFrom(0, 1, 2, 7, 16, 17, 24, 32, 99, 1000, 1001, 65536, 65537, 1_000_000, 1_000_001, 0xffffffff),
  fc.nat(40),
);
const blobs = fc.constantFrom(0, 1, 16, 17, 1024, 1025, 16384, 16385, 65536, 65537, 102400, 102401).map((bytes) => new Uint8Array(bytes));

/** Any message of a type: values on both sides of every rule the contract has. */
function arbitrary(desc: DescMessage, depth = 0): fc.Arbitrary<Message> {
  const fields = desc.fields
    .filter((field) => field.oneof === undefined)
    .map((field): [string, fc.Arbitrary<unknown>] => {
      const one: fc.Arbitrary<unknown> =
        field.message !== undefined
          ? arbitrary(field.message, depth + 1)
          : field.enum !== undefined
            ? fc.constantFrom(0, 1, 2, 3, 7, 16, 17, -1, 1000)
            : field.scalar === 9
              ? names
              : field.scalar === 12
                ? blobs
                : numbers;
      if (field.fieldKind !== "list") return [field.localName, one];
      return [
        field.localName,
        fc.oneof(
          { weight: 6, arbitrary: fc.array(one, { maxLength: 4 }) },
          {
            weight: 1,
            arbitrary: one.chain((item) => fc.constantFrom(16, 17, 64, 65).map((items) => Array.from({ length: items }, () => item))),
          },
        ),
      ];
    });
  const oneofs = desc.oneofs.map((oneof): [string, fc.Arbitrary<unknown>] => [
    oneof.localName,
    fc.oneof(
      fc.constant({ case: undefined }),
      ...oneof.fields.map((field) => arbitrary(field.message as DescMessage, depth + 1).map((value) => ({ case: field.localName, value }))),
    ),
  ]);
  return fc.record(Object.fromEntries([...fields, ...oneofs])).map((init) => create(desc, init as never));
}

for (const { name, method } of OPERATIONS) {
  test(`the compiled rules of ${name} agree with protovalidate on every generated request`, () => {
    fc.assert(
      fc.property(arbitrary(method.input), (message) => {
        assert.deepEqual(ourFields(method.input, message), oracleFields(method.input, message));
      }),
      { numRuns: 60 },
    );
  });
}

test("a violation names the field, the item and the nested message", () => {
  const request = create(BatchRequestSchema, {
    items: [{ operation: { case: "sign", value: { keyId: "ok" } } }, { operation: { case: "verify", value: { keyId: "" } } }],
  });
  assert.deepEqual(
    validatorFor(BatchRequestSchema)(request).map(({ field }) => field),
    ["items[1].verify.key_id"],
  );
});

test("a violation never repeats the value", () => {
  const request = create(SignRequestSchema, { keyId: "se/cret" });
  for (const { message } of validatorFor(SignRequestSchema)(request)) assert.doesNotMatch(message, /cret/);
});

test("a good request has no violations and costs no allocation of its own", () => {
  const request = create(SignRequestSchema, { keyId: "key-1", data: new Uint8Array(10) });
  const validate = validatorFor(SignRequestSchema);
  assert.equal(validate(request).length, 0);
  assert.equal(validate(request), validate(request));
});

test("code points are counted, not UTF-16 units", () => {
  const validate = validatorFor(GenerateKeyRequestSchema);
  const of = (description: string): number => validate(create(GenerateKeyRequestSchema, { algorithm: 1, description })).length;
  assert.equal(of("😀".repeat(1024)), 0);
  assert.equal(of("😀".repeat(1025)), 1);
});

test("a number outside the listed ones is refused", () => {
  const validate = validatorFor(GenerateDataKeyRequestSchema);
  assert.equal(validate(create(GenerateDataKeyRequestSchema, { keyId: "k", sizeBytes: 24 })).length, 0);
  assert.match(validate(create(GenerateDataKeyRequestSchema, { keyId: "k", sizeBytes: 25 }))[0]?.message ?? "", /0, 16, 24, 32/);
});

test("a rule the compiler does not know stops the compilation", () => {
  // A copy of a real descriptor whose one rule is of a kind the contract does not use.
  const field = VerifyRequestSchema.fields.find(({ name }) => name === "data");
  assert.ok(field);
  const real = VerifyRequestSchema.fields.find(({ name }) => name === "signature");
  const swapped = {
    ...VerifyRequestSchema,
    fields: [Object.assign(Object.create(Object.getPrototypeOf(field) as object), field, { fieldKind: "map", proto: real?.proto })],
  } as never as DescMessage;
  assert.throws(() => validatorFor(swapped), /cannot be enforced/);
});

test("a text or bytes with a rule that says nothing of their length may be of any length", () => {
  // Copies of real fields, whose rules say other things.
  const bare = (name: string, rules: FieldRules["type"]): DescField => {
    const field = VerifyRequestSchema.fields.find((one) => one.name === name) as DescField;
    const options = create(FieldOptionsSchema);
    setExtension(options, fieldOption, create(FieldRulesSchema, { type: rules }));
    return Object.assign(Object.create(Object.getPrototypeOf(field) as object) as DescField, field, { proto: { ...field.proto, options } });
  };
  const fields = [
    bare("key_id", { case: "string", value: create(StringRulesSchema, { pattern: "^a*$" }) }),
    bare("data", { case: "bytes", value: create(BytesRulesSchema, { minLen: 1n }) }),
  ];
  const validate = validatorFor({ ...VerifyRequestSchema, fields, members: fields } as never as DescMessage);
  const of = (keyId: string, data: Uint8Array): number => validate(create(VerifyRequestSchema, { keyId, data })).length;
  assert.equal(of("a".repeat(10_000), new Uint8Array(10_000)), 0);
  assert.equal(of("b", new Uint8Array(0)), 2);
});

test("every message of every operation compiles", () => {
  for (const { method } of OPERATIONS) {
    validatorFor(method.input);
    validatorFor(method.output);
  }
});
