import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "@keystead/contract/errors";
import { checkpointText, parseCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { cosignatureLine, cosignedAt } from "./cosignature.ts";
import {
  isSignedBy,
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  parseNote,
  parseSignatureLines,
  parseVerifierKey,
  signNote,
  verifierKey,
  verifierKeyText,
} from "./note.ts";

const refused = (run: () => unknown): void => assert.throws(run, (error) => error instanceof HsmError && error.code === "INVALID_REQUEST");

/** The example of Go's golang.org/x/mod/sumdb/note: a public key and a note that others signed. */
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ESSAYS = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

test("the note that Go's documentation shows verifies by the key that it shows", () => {
  const key = parseVerifierKey(PETER);
  assert.equal(key.name, "PeterNeumann");
  assert.equal(verifierKeyText(key), PETER);
  const note = parseNote(ESSAYS);
  assert.equal(note.text, "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n");
  assert.ok(isSignedBy(note, key));
  assert.ok(!isSignedBy(parseNote(ESSAYS.replace("problem is", "problem was")), key));
});

test("a note is signed by whoever signed it and by nobody else, and lines of strangers do no harm", () => {
  const own = generateKeyPairSync("ed25519");
  const other = generateKeyPairSync("ed25519");
  const key = verifierKey("example.test/log", NOTE_ED25519, own.publicKey);
  const stranger = verifierKey("example.test/log", NOTE_ED25519, other.publicKey);
  const note = signNote("hello\n\nworld\n", key, own.privateKey);
  assert.ok(isSignedBy(parseNote(note), key));
  assert.ok(!isSignedBy(parseNote(note), stranger));
  const both = `${note}${signNote("hello\n\nworld\n", stranger, other.privateKey).split("\n\n").at(-1)}`;
  assert.equal(parseNote(both).signatures.length, 2);
  assert.ok(isSignedBy(parseNote(both), key));
  assert.ok(isSignedBy(parseNote(both), stranger));
  // A wrong signature under a known key's name spoils the note, even beside a right one.
  const wrong = signNote("other\n", key, own.privateKey).split("\n\n").at(-1);
  assert.ok(!isSignedBy(parseNote(`${note}${wrong}`), key));
});

test("what is no signed note is refused", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("a", NOTE_ED25519, publicKey);
  const note = signNote("text\n", key, privateKey);
  for (const bad of [
    "",
    "text\n",
    note.slice(0, -1),
    note.replace("\n\n", "\n"),
    note.replace("\u2014", "-"),
    note.replace("text", "te\u0001xt"),
    note.replace("text", "te\rxt"),
    note.replace("text", "te\ud800xt"),
    note.replace(/ \S+\n$/, " AAAA\n"),
    note.replace(/=*\n$/, "=\n\n"),
    note.replace(" a ", " a+b "),
    `${note}more\n`,
    `${note.slice(0, -1)} \n`,
    `${"x".repeat(70_000)}${note}`,
  ])
    refused(() => parseNote(bad));
  refused(() => signNote("no newline", key, privateKey));
  refused(() => verifierKey("has space", NOTE_ED25519, publicKey));
  refused(() => verifierKey("", NOTE_ED25519, publicKey));
  refused(() => verifierKey("x25519", NOTE_ED25519, generateKeyPairSync("x25519").publicKey));
});

test("a verifier key whose id, type or length is another is refused", () => {
  for (const bad of [
    PETER.replace("c74f20a3", "c74f20a4"),
    PETER.replace("Peter", "Petra"),
    PETER.replace("+AR", "+Ah"),
    PETER.slice(0, -4),
    PETER.replaceAll("+", " "),
    "",
  ])
    refused(() => parseVerifierKey(bad));
});

test("a checkpoint read back is the one that was written", () => {
  const words = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.record({
        origin: words,
        size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
        extensions: fc.array(words, { maxLength: 4 }),
      }),
      (checkpoint: Checkpoint) => assert.deepEqual(parseCheckpoint(checkpointText(checkpoint)), { ...checkpoint }),
    ),
  );
  const good = checkpointText({ origin: "o", size: 10, root: Buffer.alloc(32), extensions: ["x"] });
  for (const bad of [
    good.replace("10", "010"),
    good.replace("10", "-1"),
    good.replace("10", "99999999999999999"),
    good.replace("AAA=", "AA=="),
    good.replace("AAAA", ""),
    good.replace("x", ""),
    good.slice(2),
    good.slice(0, -1),
    "",
  ])
    refused(() => parseCheckpoint(bad));
});

test("a cosignature says when a witness saw a checkpoint, and holds for that one alone", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const witness = verifierKey("witness.test/w1", NOTE_COSIGNATURE, publicKey);
  assert.deepEqual(parseVerifierKey(verifierKeyText(witness)).id, witness.id);
  const text = checkpointText({ origin: "example.test/log", size: 5, root: Buffer.alloc(32, 5), extensions: [] });
  const [line] = parseSignatureLines(`${cosignatureLine(text, witness, privateKey, 1_700_000_000)}\n`);
  assert.ok(line !== undefined);
  assert.equal(cosignedAt(text, line, witness), 1_700_000_000);
  assert.equal(cosignedAt(text.replace("5", "6"), line, witness), undefined);
  const later = Buffer.from(line.signature);
  later[7] = (later[7] as number) + 1;
  assert.equal(cosignedAt(text, { ...line, signature: later }, witness), undefined);
  assert.equal(cosignedAt(text, { ...line, signature: line.signature.subarray(0, 7) }, witness), undefined);
  // One with a time that is no date says nothing, though the key signed it.
  for (const [seconds, holds] of [
    [253_402_300_799, true],
    [253_402_300_800, false],
    [Number.MAX_SAFE_INTEGER, false],
  ] as const) {
    const [far] = parseSignatureLines(`${cosignatureLine(text, witness, privateKey, seconds)}\n`);
    assert.equal(cosignedAt(text, far as never, witness), holds ? seconds : undefined);
  }
  // The same key as a log's is another key.
  assert.equal(cosignedAt(text, line, verifierKey("witness.test/w1", NOTE_ED25519, publicKey)), undefined);
  assert.ok(!isSignedBy({ text, signatures: [line] }, witness));
});
