/**
 * A batch as a JSON file, in the shape of REST's POST /api/v1/batch:
 * `{"items": [{"sign": {"key_id": "k", "data": "aGVsbG8="}}, ...]}`. Bytes are base64; `text` may stand in for `data`.
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
    if (field === "text") request["data"] = Buffer.from(String(member), "utf8");
    else if (!BYTES.has(field)) request[field] = member;
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
export function parseBatch(text: string): readonly BatchItem[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw usageError("the batch file is not JSON");
  }
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
