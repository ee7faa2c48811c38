/**
 * Revocation lists in force: one for each authority, the newest that was seen.
 *
 * A list counts for the authority whose key signed it and whose name it bears. It is never replaced by an older one: a
 * list from before a revocation, put back into its place, would undo the revocation.
 *
 * @see RFC 5280 §6.3
 */
import { HsmError } from "@keystead/contract/errors";
import { KEY_USAGE } from "@keystead/crypto/x509/certificate-facts";
import { readRevocationList, type RevocationList } from "@keystead/crypto/x509/revocation-list";
import { verifySigned } from "@keystead/crypto/x509/signed-structure";
import type { Authority, CheckedCertificate } from "./certificate.ts";
import type { RevocationSource, RevocationStatus } from "./revocation.ts";

/** A list as it was found, and where. */
export interface FoundList {
  readonly source: string;
  readonly bytes: Buffer;
}

export class RevocationLists implements RevocationSource {
  /** By the authority's subject and key. */
  readonly #inForce = new Map<string, RevocationList>();

  /**
   * Takes lists into force.
   *
   * @returns whether any of them is another one than was in force
   * @throws {HsmError} INVALID_REQUEST   a file holds no list, or one that no authority of `authorities` signed, or one
   *   that is older than what is in force; the others are taken all the same
   */
  take(found: readonly FoundList[], authorities: readonly Authority[]): boolean {
    const problems: string[] = [];
    let changed = false;
    for (const { source, bytes } of found) {
      try {
        const lists = listsIn(bytes);
        if (lists.length === 0) throw new Error("it holds no list");
        for (const der of lists) if (this.#takeOne(readRevocationList(der), authorities)) changed = true;
      } catch (error) {
        problems.push(`${source}: ${(error as Error).message}`);
      }
    }
    if (problems.length > 0) throw new HsmError("INVALID_REQUEST", problems.join("; "));
    return changed;
  }

  #takeOne(list: RevocationList, authorities: readonly Authority[]): boolean {
    const signers = authorities.filter(
      ({ certificate, facts }) =>
        facts.subject.equals(list.issuer) &&
        (facts.keyUsage === undefined || facts.keyUsage.has(KEY_USAGE.crlSign)) &&
        verifySigned(list.signed, certificate.publicKey),
    );
    if (signers.length === 0) throw new Error("no authority that is trusted for client certificates signed it");
    let changed = false;
    for (const signer of signers) {
      const name = nameOf(signer);
      const before = this.#inForce.get(name);
      if (before !== undefined && (list.number < before.number || list.thisUpdate < before.thisUpdate))
        throw new Error("it is older than the one in force, which stays");
      changed ||= before === undefined || !before.signed.toBeSigned.whole.equals(list.signed.toBeSigned.whole);
      this.#inForce.set(name, list);
    }
    return changed;
  }

  status({ facts, issuer }: CheckedCertificate, now: number): RevocationStatus {
    const list = this.#inForce.get(nameOf(issuer));
    if (list === undefined) return "unknown";
    // Who is on a list stays taken back when the list grows old.
    if (list.revoked.has(facts.serial)) return "revoked";
    return now >= list.thisUpdate && now <= list.nextUpdate ? "good" : "unknown";
  }

  /** For each list in force: whose it is and until when, in milliseconds since the epoch. */
  census(): { readonly revoked: number; readonly nextUpdate: number }[] {
    return [...this.#inForce.values()].map(({ revoked, nextUpdate }) => ({ revoked: revoked.size, nextUpdate }));
  }
}

const nameOf = ({ facts }: Authority): string => `${facts.subject.toString("latin1")}\0${facts.spki.toString("latin1")}`;

/** The lists of a file: PEM blocks, or one list in DER. */
function listsIn(bytes: Buffer): Buffer[] {
  if (bytes[0] === 0x30) return [bytes];
  const blocks = bytes.toString("latin1").match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [];
  return blocks.map((block) => Buffer.from(block.replaceAll(/-----[^-]+-----/g, ""), "base64"));
}
