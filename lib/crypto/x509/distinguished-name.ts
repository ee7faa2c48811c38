/**
 * Distinguished names: RFC 4514 text to DER.
 *
 * Reads strictly: an unknown attribute, an unescaped special character or a value longer than X.520 allows is refused,
 * never repaired. `#` values (DER inside the text) are refused, so that nobody can put other structures into a name.
 *
 * @see RFC 4514 §2, §3; RFC 5280 §4.1.2.4, App. A.1 (upper bounds)
 */
import { HsmError } from "@keystead/contract/errors";
import { derElement, derObjectIdentifier, derSequence } from "../formats/der-writer.ts";

interface Attribute {
  readonly oid: string;
  /** Tag of the string: UTF8String, PrintableString or IA5String. */
  readonly tag: 0x0c | 0x13 | 0x16;
  readonly maxCharacters: number;
}

const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const IA5 = 0x16;

/** Attribute types by the names that RFC 4514 and everybody's tools have for them, in upper case. */
const ATTRIBUTES: Readonly<Record<string, Attribute>> = Object.freeze({
  CN: { oid: "2.5.4.3", tag: UTF8, maxCharacters: 64 },
  SN: { oid: "2.5.4.4", tag: UTF8, maxCharacters: 64 },
  SERIALNUMBER: { oid: "2.5.4.5", tag: PRINTABLE, maxCharacters: 64 },
  C: { oid: "2.5.4.6", tag: PRINTABLE, maxCharacters: 2 },
  L: { oid: "2.5.4.7", tag: UTF8, maxCharacters: 128 },
  ST: { oid: "2.5.4.8", tag: UTF8, maxCharacters: 128 },
  STREET: { oid: "2.5.4.9", tag: UTF8, maxCharacters: 128 },
  O: { oid: "2.5.4.10", tag: UTF8, maxCharacters: 64 },
  OU: { oid: "2.5.4.11", tag: UTF8, maxCharacters: 64 },
  TITLE: { oid: "2.5.4.12", tag: UTF8, maxCharacters: 64 },
  GN: { oid: "2.5.4.42", tag: UTF8, maxCharacters: 64 },
  UID: { oid: "0.9.2342.19200300.100.1.1", tag: UTF8, maxCharacters: 256 },
  DC: { oid: "0.9.2342.19200300.100.1.25", tag: IA5, maxCharacters: 63 },
  EMAILADDRESS: { oid: "1.2.840.113549.1.9.1", tag: IA5, maxCharacters: 255 },
});

const refused = (detail: string): HsmError => new HsmError("INVALID_REQUEST", `the name is not RFC 4514: ${detail}`);

/**
 * The Name behind RFC 4514 text. The text has the most specific part first, the DER the least specific.
 *
 * @throws {HsmError} INVALID_REQUEST   empty, malformed, or with an attribute that is not in the table above
 * @example
 * distinguishedName("CN=api.example.com,O=Example\\, Inc.,C=DE");
 */
export function distinguishedName(text: string): Buffer {
  if (text.trim() === "") throw refused("it is empty");
  const relative = splitUnescaped(text, ",").map((part) => {
    const pairs = splitUnescaped(part, "+").map(attribute);
    // DER sorts the members of a SET (X.690 §11.6).
    return derElement(0x31, ...pairs.toSorted(Buffer.compare));
  });
  return derSequence(...relative.toReversed());
}

function attribute(text: string): Buffer {
  const at = text.indexOf("=");
  const type = text.slice(0, Math.max(0, at)).trim().toUpperCase();
  const row = Object.hasOwn(ATTRIBUTES, type) ? ATTRIBUTES[type] : undefined;
  if (row === undefined) throw refused(`each part is one of ${Object.keys(ATTRIBUTES).join(", ")}, then = and a value`);
  const value = valueOf(text.slice(at + 1));
  if (value === "" || [...value].length > row.maxCharacters) throw refused(`${type} has 1 to ${row.maxCharacters} characters`);
  if (type === "C" && !/^[A-Z]{2}$/.test(value)) throw refused("C is two capital letters");
  if (row.tag === PRINTABLE && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) throw refused(`${type} has a character it may not have`);
  if (row.tag === IA5 && !/^[\x20-\x7e]*$/.test(value)) throw refused(`${type} has a character it may not have`);
  return derSequence(derObjectIdentifier(row.oid), derElement(row.tag, Buffer.from(value, "utf8")));
}

/** The parts between separators that no backslash stands before. */
function splitUnescaped(text: string, separator: string): string[] {
  const parts = [""];
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === separator) parts.push("");
    else {
      const taken = char === "\\" ? text.slice(at, at + 2) : char;
      parts[parts.length - 1] += taken;
      at += taken.length - 1;
    }
  }
  return parts;
}

/** A value without its escapes and without the spaces around it. */
function valueOf(raw: string): string {
  const text = raw.replace(/^ +/, "").replace(/(?<!\\) +$/, "");
  if (text.startsWith("#")) throw refused("a value begins with an unescaped #");
  const bytes: Buffer[] = [];
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) as number;
    const char = String.fromCodePoint(code);
    if (char !== "\\") {
      if (/[";<>]/.test(char)) throw refused('one of ";<> is not escaped');
      bytes.push(Buffer.from(char, "utf8"));
      at += char.length;
      continue;
    }
    const pair = /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1))?.[0];
    const special = text[at + 1];
    if (pair !== undefined) bytes.push(Buffer.from(pair, "hex"));
    else if (special !== undefined && /[ "#+,;<=>\\]/.test(special)) bytes.push(Buffer.from(special, "utf8"));
    else throw refused("a backslash stands before a character that needs none");
    at += pair === undefined ? 2 : 3;
  }
  try {
    const value = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(bytes));
    if (/\p{Cc}/u.test(value)) throw refused("a control character");
    return value;
  } catch (error) {
    throw error instanceof HsmError ? error : refused("a value is not UTF-8");
  }
}
