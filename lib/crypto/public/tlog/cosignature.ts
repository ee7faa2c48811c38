/**
 * Cosignatures: a witness says that it saw a checkpoint, when, and that it continues every one it saw before of that log.
 *
 * @see C2SP tlog-cosignature (cosignature/v1)
 */
import { sign, type KeyObject } from "node:crypto";
import { NOTE_COSIGNATURE, signatureLine, verifies, type NoteSignature, type VerifierKey } from "./note.ts";

const TIME_BYTES = 8;
/** The end of the year 9999: later times have no date that everybody can write. */
const LAST_SECONDS = 253_402_300_799;

const signedBytes = (seconds: number, text: string): Buffer => Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, "utf8");

/** The line of a witness below a checkpoint. @param seconds since 1970 @param text the checkpoint's, final newline included */
export function cosignatureLine(text: string, key: VerifierKey, privateKey: KeyObject, seconds: number): string {
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(seconds));
  return signatureLine(key, Buffer.concat([time, sign(null, signedBytes(seconds, text), privateKey)]));
}

/** When the witness signed, in seconds since 1970, or undefined when the line is not a right one of this key. */
export function cosignedAt(text: string, line: NoteSignature, key: VerifierKey): number | undefined {
  if (key.type !== NOTE_COSIGNATURE || line.name !== key.name || line.id !== key.id || line.signature.length < TIME_BYTES) return undefined;
  const seconds = Number(line.signature.readBigUInt64BE());
  if (seconds > LAST_SECONDS) return undefined;
  return verifies(signedBytes(seconds, text), key.publicKey, line.signature.subarray(TIME_BYTES)) ? seconds : undefined;
}
