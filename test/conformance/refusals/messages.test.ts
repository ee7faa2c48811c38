/** Messages that are none: every field of every operation sent wrong, on every surface. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { BINARY_SURFACES, askBytes, askJson, overRest, restRequest } from "../surfaces.ts";
import { assertRefusal } from "./refusal.ts";
import { refusingVault } from "./refusing-vault.ts";
import { OPEN, row } from "./requests.ts";
import { bytesOf, hasBody, inPath, jsonOf, kindOf, wrongValues } from "./wrong-messages.ts";

const vault = refusingVault();
const { mustBeLogged, numbered, valid } = vault;

/** JSON that the surface itself cannot read is refused before the vault hears of it: not in the vault's log. */
async function refusedJson(surface: "REST" | "Connect JSON", operation: Operation, json: JsonObject, what: string): Promise<void> {
  const { door, id } = numbered(vault.admin);
  assertRefusal(await askJson(surface, door, operation, json), surface, "INVALID_REQUEST", `${operation.name}: ${what}`, id);
}

test("a field of the wrong type is refused, for every field of every operation, in JSON", async () => {
  for (const operation of OPEN) {
    for (const field of operation.method.input.fields) {
      for (const [what, value] of wrongValues(field)) {
        await refusedJson(
          "Connect JSON",
          operation,
          { ...jsonOf(operation, valid(operation)), [field.name]: value },
          `${field.name} ${what}`,
        );
        if (!hasBody(operation) || inPath(operation, field)) continue;
        await refusedJson("REST", operation, { ...jsonOf(operation, valid(operation)), [field.name]: value }, `${field.name} ${what}`);
      }
    }
  }
});

test("query parameters of the wrong type, unknown, given twice or badly encoded are refused", async () => {
  for (const query of [
    "per_page=x",
    "per_page=-1",
    "per_page=1.5",
    "per_page=1001",
    "page=99999999999",
    "algorithm=DES",
    "state=frozen",
    "surprise=1",
    "page=1&page=2",
    "tags=%ff",
    "page=%zz",
    "namespace=A",
    "page=1&page_token=eA",
  ]) {
    const { door, id } = numbered(vault.admin);
    assertRefusal(await overRest(door, "GET", `/api/v1/keys?${query}`), "REST", "INVALID_REQUEST", query, id);
  }
});

test("an unknown field is refused, in every operation on every surface", async () => {
  for (const operation of OPEN) {
    const bytes = bytesOf(operation, valid(operation));
    // Field 1000, varint 1; field 1001, a text.
    for (const extra of [
      [0xc0, 0x3e, 0x01],
      [0xca, 0x3e, 0x01, 0x78],
    ]) {
      for (const surface of BINARY_SURFACES) {
        const { door, id } = numbered(vault.admin);
        assertRefusal(
          await askBytes(surface, door, operation, Buffer.concat([bytes, Uint8Array.from(extra)])),
          surface,
          "INVALID_REQUEST",
          `${operation.name}: unknown field`,
          id,
        );
        mustBeLogged(id, operation.name, "INVALID_REQUEST");
      }
    }
    const json = jsonOf(operation, valid(operation));
    for (const name of ["surprise", "__proto__x", "constructor", "keyid"]) {
      await refusedJson("Connect JSON", operation, { ...json, [name]: 1 }, `unknown member ${name}`);
      await refusedJson("REST", operation, { ...json, [name]: 1 }, `unknown member ${name}`);
    }
  }
});

test("protobuf that is cut off, not UTF-8, or no protobuf at all is refused, in every operation on every binary surface", async () => {
  for (const operation of OPEN) {
    // Field 1 that claims more than there is; a group that never ends; the reserved field number 0; a varint without end.
    for (const bytes of [[0x0a, 0x7f, 0x41], [0x0b], [0x00, 0x00], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      for (const surface of BINARY_SURFACES) {
        const { door, id } = numbered(vault.admin);
        assertRefusal(
          await askBytes(surface, door, operation, Uint8Array.from(bytes)),
          surface,
          "INVALID_REQUEST",
          `${operation.name}: bytes ${bytes.join(" ")}`,
          id,
        );
        mustBeLogged(id, operation.name, "INVALID_REQUEST");
      }
    }
    const text = operation.method.input.fields.find((field) => field.scalar === 9);
    if (text === undefined) continue;
    const invalid = Uint8Array.from([(text.number << 3) | 2, 2, 0xc3, 0x28]);
    for (const surface of BINARY_SURFACES) {
      const { door, id } = numbered(vault.admin);
      assertRefusal(
        await askBytes(surface, door, operation, invalid),
        surface,
        "INVALID_REQUEST",
        `${operation.name}: ${text.name} is not UTF-8`,
        id,
      );
    }
  }
});

test("a member that comes twice is refused, wherever it stands, on both JSON surfaces", async () => {
  for (const operation of OPEN.filter(hasBody)) {
    const { method, path, body = "{}" } = restRequest(operation, jsonOf(operation, valid(operation)));
    const [name, value] = Object.entries({ ...JSON.parse(body ?? "{}"), namespace: "default" } as JsonObject)[0] as [string, JsonValue];
    for (const second of [`"${name}":${JSON.stringify(value)}`, `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}":1`]) {
      const twice = `{"${name}":${JSON.stringify(value)},${second}}`;
      const { door, id } = numbered(vault.admin);
      assertRefusal(await overRest(door, method, path, twice), "REST", "INVALID_REQUEST", `${operation.name}: ${twice}`, id);
      const again = numbered(vault.admin);
      assertRefusal(
        await askJson("Connect JSON", again.door, operation, twice),
        "Connect JSON",
        "INVALID_REQUEST",
        `${operation.name}: ${twice}`,
        again.id,
      );
    }
  }
  for (const items of [
    '{"items":[{"sign":{"key_id":"signer","key_id":"cipher"}}]}',
    '{"items":[{"sign":{"key_id":"signer"},"verify":{"key_id":"signer"}}]}',
  ]) {
    const { door, id } = numbered(vault.admin);
    assertRefusal(await overRest(door, "POST", "/api/v1/batch", items), "REST", "INVALID_REQUEST", items, id);
    assertRefusal(await askJson("Connect JSON", door, row("Batch"), items), "Connect JSON", "INVALID_REQUEST", items, id);
  }
});

test("one field under both its names, half a surrogate, deep nesting, no JSON and no object are refused", async () => {
  const bodies = [
    '{"size_bytes":1,"sizeBytes":1}',
    '{"size_bytes":1',
    "[]",
    "null",
    '"x"',
    "",
    "\u{feff}{}",
    '{"size_bytes":1}x',
    `${"[".repeat(40)}${"]".repeat(40)}`,
    '{"size_bytes":9007199254740993}',
    '{"size_bytes":1e400}',
    '{"\\ud800":1}',
  ];
  for (const body of bodies) {
    const { door, id } = numbered(vault.admin);
    assertRefusal(await overRest(door, "POST", "/api/v1/random", body), "REST", "INVALID_REQUEST", body.slice(0, 30), id);
    // An empty Connect body is an empty message, which lacks size_bytes.
    assertRefusal(
      await askJson("Connect JSON", door, row("GenerateRandom"), body),
      "Connect JSON",
      "INVALID_REQUEST",
      body.slice(0, 30),
      id,
    );
  }
});

/** Every kind of field of the requests is known to wrong-messages.ts. */
test("the generators know every kind of field there is", () => {
  const kinds = new Set<string>();
  const visit = (desc: DescMessage): void => {
    for (const field of desc.fields) {
      kinds.add(field.fieldKind === "scalar" ? kindOf(field) : field.fieldKind);
      if (field.message !== undefined && field.message.typeName.startsWith("hsm.")) visit(field.message);
    }
  };
  for (const { method } of OPERATIONS) visit(method.input);
  assert.deepEqual([...kinds].sort(), ["bytes", "enum", "list", "message", "number", "string"]);
});

vault.closeAccount(2_000);
