/**
 * Witnesses: others who sign that they saw a checkpoint and that it continues all they saw before. So nobody, the vault's
 * operators included, can show one log to some and another to others.
 *
 * Each new checkpoint is posted to each witness, one question at a time, through the connector. What comes back counts when
 * the witness's key signed it. Operations know nothing of it; a witness that fails is asked again with the next checkpoint.
 *
 * @see C2SP tlog-witness, tlog-cosignature
 */
import { HsmError } from "@keystead/contract/errors";
import type { FetchAnswer, FetchQuestion } from "@keystead/channel/fetch-call";
import { cosignedAt } from "@keystead/crypto/public/tlog/cosignature";
import { NOTE_COSIGNATURE, parseNote, parseSignatureLines, parseVerifierKey, type VerifierKey } from "@keystead/crypto/public/tlog/note";
import type { StoredCheckpoint } from "./checkpoint-file.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { AuditProofs } from "./proofs.ts";

export interface WitnessSettings {
  /** Submission prefix. */
  readonly url: string;
  /** Verifier key, type 04. */
  readonly key: string;
}

/** The log that is witnessed. */
export interface WitnessedLog {
  readonly checkpoints: Pick<Checkpoints, "latest" | "cosign">;
  readonly proofs: Pick<AuditProofs, "consistency">;
}

export interface WitnessesOptions {
  /** The open log; undefined while there is none. */
  readonly log: () => WitnessedLog | undefined;
  readonly fetch: (question: FetchQuestion) => Promise<FetchAnswer>;
  readonly onTrouble: (witness: string, error: unknown) => void;
  /** Milliseconds since the epoch; the system's clock when left out. */
  readonly now?: () => number;
}

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 * 1024;
/** A witness signs when it is asked: a time so far from now is a wrong clock, or a lie, and proves nothing to anybody. */
const CLOCKS_APART_SECONDS = 86_400;

interface Witness {
  readonly url: string;
  readonly key: VerifierKey;
  /** Events of the last checkpoint that it cosigned, as far as is known. */
  seen: number;
  asking: boolean;
  /** A checkpoint came while it was asked. */
  again: boolean;
}

export class Witnesses {
  readonly #options: WitnessesOptions;
  readonly #witnesses: readonly Witness[];
  /** @throws {HsmError} INVALID_REQUEST a key that is no witness's */
  constructor(settings: readonly WitnessSettings[], options: WitnessesOptions) {
    this.#options = options;
    this.#witnesses = settings.map(({ url, key }) => {
      const verifier = parseVerifierKey(key);
      if (verifier.type !== NOTE_COSIGNATURE)
        throw new HsmError("INVALID_REQUEST", `the key of ${verifier.name} is no witness's (type 04)`);
      return { url: `${url.replace(/\/$/, "")}/add-checkpoint`, key: verifier, seen: 0, asking: false, again: false };
    });
  }

  /** There is a new checkpoint. */
  made(): void {
    for (const witness of this.#witnesses) void this.#ask(witness);
  }

  async #ask(witness: Witness): Promise<void> {
    witness.again = witness.asking;
    const log = this.#options.log();
    if (witness.asking || log === undefined) return;
    witness.asking = true;
    try {
      const latest = log.checkpoints.latest();
      if (latest === undefined) return;
      // A witness that knows another size says so, and is asked once more from there.
      if (!(await this.#submit(witness, latest, log))) await this.#submit(witness, latest, log);
    } catch (error) {
      this.#options.onTrouble(witness.key.name, error);
    } finally {
      witness.asking = false;
      if (witness.again) void this.#ask(witness);
    }
  }

  /** @returns false when the witness has seen another size than was thought */
  async #submit(witness: Witness, { size, note }: StoredCheckpoint, { checkpoints, proofs }: WitnessedLog): Promise<boolean> {
    const { seen, key, url } = witness;
    const proof = seen === 0 || seen === size ? [] : proofs.consistency(seen, size).proof;
    const lines = [`old ${seen}`, ...proof.map((hash) => Buffer.from(hash).toString("base64")), "", note];
    const post = { contentType: "text/plain; charset=utf-8", body: Buffer.from(lines.join("\n"), "utf8") };
    const answer = await this.#options.fetch({ url, maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS, post, conflict: true });
    const text = answer.body.toString("utf8");
    if (answer.conflict === true) {
      const known = /^(0|[1-9]\d{0,15})\n$/.exec(text)?.[1];
      if (known === undefined || Number(known) === seen || Number(known) > size)
        throw new HsmError("INTEGRITY_FAILURE", `the witness knows another log: it has seen ${known ?? "what it does not say"} events`);
      witness.seen = Number(known);
      return false;
    }
    const signed = parseNote(note);
    const found = parseSignatureLines(text)
      .map(({ line, ...parts }) => ({ line, seconds: cosignedAt(signed.text, { line, ...parts }, key) }))
      .find(({ seconds }) => seconds !== undefined);
    if (found?.seconds === undefined) throw new HsmError("INTEGRITY_FAILURE", "the witness's answer is not signed by its key");
    if (Math.abs(found.seconds - (this.#options.now ?? Date.now)() / 1000) > CLOCKS_APART_SECONDS)
      throw new HsmError("INTEGRITY_FAILURE", "the time that the witness signed is more than a day from ours");
    witness.seen = size;
    await checkpoints.cosign(size, found.line);
    return true;
  }
}
