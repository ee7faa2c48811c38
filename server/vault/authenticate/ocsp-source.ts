/**
 * Revocation by OCSP: one responder, asked by the connector, its answers kept for as long as they say.
 *
 * A verdict is needed when a certificate is verified, once a minute at most (authenticate.ts); the answer of a moment ago
 * is used again until it is due. What cannot be had, or is not as it must be, is "unknown".
 *
 * @see RFC 6960 §3.2, §4.2.2.1
 */
import { HsmError } from "@keystead/contract/errors";
import { ocspRequest, readOcspResponse, type OcspAnswer } from "@keystead/crypto/x509/ocsp";
import { fillRandom } from "@keystead/crypto/random";
import type { CheckedCertificate } from "./certificate.ts";
import type { RevocationSource, RevocationStatus } from "./revocation.ts";

export interface OcspOptions {
  /** Sends a question in DER, gives the answer in DER. */
  readonly ask: (question: Buffer) => Promise<Buffer>;
  /** Longest time that an answer is used, in milliseconds; it is asked for again after half of it. */
  readonly keepMs: number;
  readonly failed: (error: HsmError) => void;
}

interface Kept {
  readonly status: RevocationStatus;
  readonly askAgainAt: number;
  readonly until: number;
}

const MOST_KEPT = 4096;
/** A responder's clock may differ this much. */
const SKEW_MS = 60_000;
/** An answer without nextUpdate is as old as this at most. */
const FRESH_MS = 10 * 60_000;
/** Before who could not be answered is asked about again. */
const RETRY_MS = 5000;

export class OcspSource implements RevocationSource {
  readonly #options: OcspOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<RevocationStatus>>();

  constructor(options: OcspOptions) {
    this.#options = options;
  }

  status(checked: CheckedCertificate, now: number): RevocationStatus | Promise<RevocationStatus> {
    const name = checked.certificate.fingerprint256;
    const kept = this.#kept.get(name);
    const asked = kept === undefined || kept.askAgainAt <= now ? this.#asked(name, checked, now) : undefined;
    // Asked again ahead of need, nobody waits.
    return kept !== undefined && kept.until > now ? kept.status : (asked as Promise<RevocationStatus>);
  }

  #asked(name: string, checked: CheckedCertificate, now: number): Promise<RevocationStatus> {
    const before = this.#underWay.get(name);
    if (before !== undefined) return before;
    const asked = this.#ask(checked, now)
      .then((found) => {
        const old = this.#kept.get(name);
        // What cannot be found out does not undo what is known and still counts.
        const stays = found.status === "unknown" && old !== undefined && old.until > now;
        this.#keep(name, stays ? { ...old, askAgainAt: found.askAgainAt } : found);
        return stays ? old.status : found.status;
      })
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asked);
    return asked;
  }

  async #ask({ facts, issuer }: CheckedCertificate, now: number): Promise<Kept> {
    const { ask, failed, keepMs } = this.#options;
    try {
      const nonce = fillRandom(Buffer.alloc(16));
      const subject = { serial: facts.serial, issuer: issuer.facts };
      const answer = readOcspResponse(await ask(ocspRequest(subject, nonce)), subject, issuer.certificate, nonce, now);
      if (!isCurrent(answer, now)) throw new HsmError("INVALID_REQUEST", "the answer is not of now");
      // Who was taken back once is not let in because a responder is silent later.
      if (answer.status === "revoked") return { status: "revoked", askAgainAt: Infinity, until: Infinity };
      return { status: answer.status, askAgainAt: now + keepMs / 2, until: Math.min(now + keepMs, answer.nextUpdate ?? Infinity) };
    } catch (error) {
      failed(
        error instanceof HsmError ? error : new HsmError("INVALID_REQUEST", `the answer is not as it must be: ${(error as Error).message}`),
      );
      return { status: "unknown", askAgainAt: now + RETRY_MS, until: now + RETRY_MS };
    }
  }

  #keep(name: string, found: Kept): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.delete(name);
    this.#kept.set(name, found);
  }
}

/** Inside its dates; without an end, or with our nonce in it, of just now. An answer to another question never is. */
function isCurrent({ thisUpdate, nextUpdate, nonceMatches }: OcspAnswer, now: number): boolean {
  if (nonceMatches === false || thisUpdate > now + SKEW_MS) return false;
  return nextUpdate === undefined ? thisUpdate > now - FRESH_MS : nextUpdate > now - SKEW_MS;
}
