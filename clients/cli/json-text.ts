/**
 * The JSON that `--json` prints: the field names of the contract (snake_case), bytes in base64, times in ISO 8601,
 * 64-bit numbers as text, as the REST surface has them.
 */

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `value` with JSON types only. Undefined members are left out. */
export function jsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toBase64();
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[snakeCase(name), jsonValue(member)]])),
    );
  }
  return value;
}

/** One document, indented, with a line ending. */
export const jsonText = (value: unknown): string => `${JSON.stringify(jsonValue(value), null, 2)}\n`;
