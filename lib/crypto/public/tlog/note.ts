/**
 * Signed notes: text that people can read, with lines below it that say who signed it.
 *
 *      text, ending in a newline
 *      (an empty line)
 *      — <key name> <base64 of key id (4 bytes) and signature>
 *
 * A verifier key is one word: `<key name>+<key id, hexadecimal>+<base64 of type (1 byte) and public key>`. Two types are
 * known: 0x01, Ed25519 over the text; 0x04, Ed25519 of a witness with its time (cosignature.ts). Signatures of keys that
 * nobody named are ignored; one of a known key that is wrong makes the whole note worthless.
 *
 * @see C2SP signed-note; RFC 8032
 */
import { createPublicKey, hash, sign, verify, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";

/** Ed25519 over the note's text. */
export const NOTE_ED25519 = 0x01;
/** Ed25519 of a witness, with its time. */
export const NOTE_COSIGNATURE = 0x04;

const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
/** Longest note and most signatures that are looked at. */
const MAX_NOTE_CHARACTERS = 64 * 1024;
const MAX_SIGNATURES = 64;
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** A public key with its name. */
export interface VerifierKey {
  readonly name: string;
  readonly type: typeof NOTE_ED25519 | typeof NOTE_COSIGNATURE;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly signature: Buffer;
  /** The line, without newline. */
  readonly line: string;
}

/** A note taken apart, nothing verified yet. */
export interface SignedNote {
  /** What is signed, final newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const wrong = (detail: string): HsmError => new HsmError("INVALID_REQUEST", detail);

/** Whether a key may be called so. */
export const isKeyName = (name: string): boolean => name !== "" && name.length <= 255 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name);

/** The key of that name and type. @throws {HsmError} INVALID_REQUEST a name that no key can have; another kind of key */
export function verifierKey(name: string, type: VerifierKey["type"], publicKey: KeyObject): VerifierKey {
  if (!isKeyName(name)) throw wrong("a key's name has 1 to 255 characters and neither spaces nor +");
  if (publicKey.asymmetricKeyType !== "ed25519") throw wrong("notes are signed by Ed25519 keys");
  return {
    name,
    type,
    id: hash("sha256", Buffer.concat([Buffer.from(`${name}\n`, "utf8"), typedKey(type, publicKey)]), "hex").slice(0, 8),
    publicKey,
  };
}

const typedKey = (type: number, publicKey: KeyObject): Buffer =>
  Buffer.concat([Buffer.from([type]), publicKey.export({ format: "der", type: "spki" }).subarray(-PUBLIC_KEY_BYTES)]);

/** The verifier key as one word. */
export const verifierKeyText = ({ name, id, type, publicKey }: VerifierKey): string =>
  `${name}+${id}+${typedKey(type, publicKey).toString("base64")}`;

/** @throws {HsmError} INVALID_REQUEST what is no verifier key of a known type, or has another key's id */
export function parseVerifierKey(text: string): VerifierKey {
  const found = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  const bytes = found === null ? undefined : decode(found[3] as string);
  if (found === null || bytes === undefined || bytes.length !== 1 + PUBLIC_KEY_BYTES)
    throw wrong("a verifier key is NAME+ID+BASE64, the last part a type and an Ed25519 public key");
  const type = bytes[0];
  if (type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE) throw wrong(`verifier keys of type ${type} are not known`);
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes.subarray(1)]), format: "der", type: "spki" });
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", "the verifier key holds no public key", { cause });
  }
  const key = verifierKey(found[1] as string, type, publicKey);
  if (key.id !== found[2]) throw wrong("the verifier key's id is not that of its name and public key");
  return key;
}

/** A signature line, without newline. */
export const signatureLine = ({ name, id }: Pick<VerifierKey, "name" | "id">, signature: Uint8Array): string =>
  `\u2014 ${name} ${Buffer.concat([Buffer.from(id, "hex"), signature]).toString("base64")}`;

/**
 * A note with one signature of type 0x01.
 *
 * @param text ends in a newline, has no control characters besides
 * @throws {HsmError} INVALID_REQUEST for other texts
 */
export function signNote(text: string, key: VerifierKey, privateKey: KeyObject): string {
  if (!isNoteText(text)) throw wrong("a note is text that ends in a newline");
  return `${text}\n${signatureLine(key, sign(null, Buffer.from(text, "utf8"), privateKey))}\n`;
}

/** @throws {HsmError} INVALID_REQUEST what is no signed note */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARACTERS) throw wrong("the note is too long");
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  if (split === -1 || !isNoteText(text) || !note.endsWith("\n")) throw wrong("a signed note is text, an empty line and signatures");
  const signatures = parseSignatureLines(note.slice(split + 2));
  if (signatures.length === 0) throw wrong("the note is not signed");
  return { text, signatures };
}

/** Signature lines as they stand below a note. @throws {HsmError} INVALID_REQUEST */
export function parseSignatureLines(lines: string): NoteSignature[] {
  if (lines !== "" && !lines.endsWith("\n")) throw wrong("a signature line ends in a newline");
  const signatures = lines
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [, name = "", base64 = ""] = /^\u2014 (\S+) (\S+)$/u.exec(line) ?? [];
      const bytes = decode(base64);
      if (!isKeyName(name) || bytes === undefined || bytes.length <= KEY_ID_BYTES) throw wrong("a line below the note is no signature");
      return { name, id: bytes.toString("hex", 0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES), line };
    });
  if (signatures.length > MAX_SIGNATURES) throw wrong(`a note has at most ${MAX_SIGNATURES} signatures`);
  return signatures;
}

/** Whether the note bears a right signature of the key (type 0x01) and no wrong one. */
export function isSignedBy({ text, signatures }: SignedNote, key: VerifierKey): boolean {
  if (key.type !== NOTE_ED25519) return false;
  const own = signatures.filter(({ name, id }) => name === key.name && id === key.id);
  const bytes = Buffer.from(text, "utf8");
  return own.length > 0 && own.every(({ signature }) => verifies(bytes, key.publicKey, signature));
}

/** Whether an Ed25519 signature is right. Never throws for what a signature may look like. */
export function verifies(bytes: Buffer, publicKey: KeyObject, signature: Buffer): boolean {
  return signature.length === 64 && verify(null, bytes, publicKey, signature);
}

// oxlint-disable-next-line no-control-regex
const isNoteText = (text: string): boolean => text.endsWith("\n") && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);

/** Strict base64: padding as it must be, no bits left over. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return text !== "" && bytes.toString("base64") === text ? bytes : undefined;
}
