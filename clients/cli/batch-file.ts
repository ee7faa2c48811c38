/**
 * A batch as a file of JSON or YAML, in the shape of REST's POST /api/v1/batch:
 * `{"items": [{"sign": {"key_id": "k", "data": "aGVsbG8="}}, ...]}`. Bytes are base64; `text` may stand in for `data`.
 *
 * What begins with a bracket is JSON. YAML is read by version 1.2, without aliases: nothing in it may grow.
 */
import type { BatchItem } from "@keystead/client/shapes";
import { usageError } from "./usage-error.ts";

/** Fields that hold bytes. */
const BYTES = new Set([
  "data",
  "signature",
  "plaintext",
  "ciphertext",
  "associatedData",
  "nonce",
  "context",
  "customization",
  "digestValue",
]);
const OPERATIONS: readonly string[] = ["sign", "verify", "encrypt", "decrypt", "generateMac", "rewrapData", "signDigest"];

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function requestOf(value: unknown, place: string): Record<string, unknown> {
  if (!isObject(value)) throw usageError(`${place} is not an object`);
  const request: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const field = camelCase(name);
    if (field === "text") {
      // A number is not the text it was written as: 0x10 is 16.
      if (typeof member !== "string") throw usageError(`${place}.text is not text; put it in quotation marks`);
      request["data"] = Buffer.from(member, "utf8");
    } else if (!BYTES.has(field)) request[field] = member;
    else {
      if (typeof member !== "string") throw usageError(`${place}.${name} is not base64 text`);
      try {
        request[field] = Uint8Array.fromBase64(member);
      } catch {
        throw usageError(`${place}.${name} is not base64`);
      }
    }
  }
  return request;
}

/** The items of a batch file. @throws {HsmError} INVALID_REQUEST that names the item */
export async function parseBatch(text: string): Promise<readonly BatchItem[]> {
  const parsed = /^\s*[[{]/.test(text) ? parseJson(text) : await parseYaml(text);
  const items = Array.isArray(parsed) ? parsed : isObject(parsed) ? parsed["items"] : undefined;
  if (!Array.isArray(items) || items.length === 0) throw usageError('the batch file needs "items", a list of at least one operation');
  return items.map((item: unknown, at) => {
    const members = isObject(item) ? Object.entries(item) : [];
    const operation = camelCase(members[0]?.[0] ?? "");
    if (members.length !== 1 || !OPERATIONS.includes(operation))
      throw usageError(`items[${at}] must have exactly one of sign, verify, encrypt, decrypt, generate_mac, rewrap_data, sign_digest`);
    return { [operation]: requestOf(members[0]?.[1], `items[${at}].${members[0]?.[0]}`) } as unknown as BatchItem;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usageError("the batch file is not JSON");
  }
}

async function parseYaml(text: string): Promise<unknown> {
  const { parseDocument } = await import("yaml"); // only now: it is large
  const document = parseDocument(text, { version: "1.2", prettyErrors: false, stringKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw usageError(`the batch file is neither JSON nor YAML: ${error.message}`);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw usageError("the batch file has YAML aliases, which are not read");
  }
}
