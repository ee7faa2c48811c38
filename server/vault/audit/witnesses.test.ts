import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import type { FetchAnswer, FetchQuestion } from "@keystead/channel/fetch-call";
import { checkpointText } from "@keystead/crypto/public/tlog/checkpoint";
import { cosignatureLine } from "@keystead/crypto/public/tlog/cosignature";
import {
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  parseNote,
  signNote,
  verifierKey,
  verifierKeyText,
  type VerifierKey,
} from "@keystead/crypto/public/tlog/note";
import { Witnesses } from "./witnesses.ts";

const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync("ed25519");
const log = pair();
const logKey = verifierKey("example.test/log", NOTE_ED25519, log.publicKey);
const own = pair();
const witness: VerifierKey = verifierKey("witness.test/w", NOTE_COSIGNATURE, own.publicKey);

const noteOf = (size: number): string =>
  signNote(checkpointText({ origin: logKey.name, size, root: Buffer.alloc(32, size), extensions: [] }), logKey, log.privateKey);
const proofOf = (old: number, size: number): Buffer[] => [Buffer.alloc(32, old), Buffer.alloc(32, size)];

interface Stage {
  readonly witnesses: Witnesses;
  readonly asked: string[];
  readonly cosigned: (readonly [size: number, line: string])[];
  /** Asks once, and waits for what comes of it: nothing, or what went wrong. */
  make(size: number): Promise<string | undefined>;
}

/** A log whose witness answers as told. */
function stage(answer: (question: FetchQuestion, text: string) => Partial<FetchAnswer> & { readonly body: Buffer }): Stage {
  const asked: string[] = [];
  const cosigned: [number, string][] = [];
  let size = 0;
  let done: (problem?: string) => void = () => undefined;
  const witnesses = new Witnesses([{ url: "https://witness.test/x/", key: verifierKeyText(witness) }], {
    log: () => ({
      checkpoints: {
        latest: () => ({ size, note: noteOf(size), cosignatures: [] }),
        cosign: async (at, line) => {
          cosigned.push([at, line]);
          done();
        },
      },
      proofs: {
        consistency: (oldSize, newSize) => ({
          oldSize,
          size: newSize,
          oldRoot: Buffer.alloc(32),
          root: Buffer.alloc(32),
          proof: proofOf(oldSize, newSize),
        }),
      },
    }),
    fetch: async (question) => {
      const text = question.post?.body.toString("utf8") ?? "";
      asked.push(text);
      assert.deepEqual([question.url, question.conflict], ["https://witness.test/x/add-checkpoint", true]);
      return { maxAgeSeconds: undefined, ...answer(question, text) };
    },
    now: () => NOW * 1000,
    onTrouble: (name, error) => done(`${name}: ${String((error as { detail?: string }).detail)}`),
  });
  return {
    witnesses,
    asked,
    cosigned,
    make(next) {
      size = next;
      return new Promise((resolve) => {
        done = resolve;
        witnesses.made();
      });
    },
  };
}

const NOW = 1_700_000_000;
const signed = (text: string, privateKey = own.privateKey, key = witness, seconds = NOW): Buffer => {
  const note = text.slice(text.indexOf("\n\n") + 2);
  return Buffer.from(`${cosignatureLine(parseNote(note).text, key, privateKey, seconds)}\n`, "utf8");
};

test("a witness is asked from what it saw last, as the specification writes it, and its line is kept", async () => {
  const { make, asked, cosigned } = stage((_question, text) => ({ body: signed(text) }));
  assert.equal(await make(5), undefined);
  assert.equal(await make(9), undefined);
  const base64 = proofOf(5, 9).map((hash) => `${hash.toString("base64")}\n`);
  assert.deepEqual(asked, [`old 0\n\n${noteOf(5)}`, `old 5\n${base64.join("")}\n${noteOf(9)}`]);
  assert.deepEqual(
    cosigned.map(([size]) => size),
    [5, 9],
  );
});

test("a witness that has seen more than was known is asked once more from there", async () => {
  let first = true;
  const { make, asked, cosigned } = stage((_question, text) => {
    if (!first) return { body: signed(text) };
    first = false;
    return { conflict: true, body: Buffer.from("3\n") };
  });
  assert.equal(await make(5), undefined);
  assert.deepEqual([asked.length, asked[1]?.split("\n")[0], cosigned.length], [2, "old 3", 1]);
});

test("what a witness's key did not sign is not kept, and one that knows another log is said so", async () => {
  const stranger = pair();
  const cases: readonly (readonly [(text: string) => Partial<FetchAnswer> & { readonly body: Buffer }, RegExp])[] = [
    [(text) => ({ body: signed(text, stranger.privateKey) }), /not signed by its key/],
    [(text) => ({ body: signed(text, own.privateKey, verifierKey("other", NOTE_COSIGNATURE, own.publicKey)) }), /not signed by its key/],
    [() => ({ body: signed(`old 0\n\n${noteOf(4)}`) }), /not signed by its key/],
    [(text) => ({ body: signed(text, own.privateKey, witness, NOW + 90_000) }), /more than a day/],
    [(text) => ({ body: signed(text, own.privateKey, witness, 0) }), /more than a day/],
    [(text) => ({ body: signed(text, own.privateKey, witness, Number.MAX_SAFE_INTEGER) }), /not signed by its key/],
    [() => ({ body: Buffer.from("hello\n") }), /no signature/],
    [() => ({ conflict: true, body: Buffer.from("0\n") }), /knows another log/],
    [() => ({ conflict: true, body: Buffer.from("6\n") }), /knows another log/],
    [() => ({ conflict: true, body: Buffer.from("many") }), /knows another log/],
  ];
  for (const [answer, problem] of cases) {
    const { make, cosigned } = stage((_question, text) => answer(text));
    assert.match((await make(5)) ?? "", problem);
    assert.deepEqual(cosigned, []);
  }
});

test("a key that is no witness's is refused at start", () => {
  const options = { log: () => undefined, fetch: () => Promise.reject(new Error("not asked")), onTrouble: () => undefined };
  assert.throws(() => new Witnesses([{ url: "https://w", key: verifierKeyText(logKey) }], options), { code: "INVALID_REQUEST" });
  assert.throws(() => new Witnesses([{ url: "https://w", key: "w+00000000+AAAA" }], options), { code: "INVALID_REQUEST" });
});
