import { fillRandom } from "./random.ts";

/** A UUIDv7 (RFC 9562 §5.7): sorts by time, so that generated ids list in the order they were made. @param nowMs since the epoch */
export function uuidV7(nowMs: number): string {
  const bytes = fillRandom(Buffer.alloc(16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
