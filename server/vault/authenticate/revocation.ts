/**
 * Whether a certificate has been taken back, by everything that was configured to tell.
 *
 * One source that says so is enough. Where no source can tell, the configuration decides; in production that is always
 * a refusal. A source is asked when a certificate is verified, not with each request (authenticate.ts remembers).
 */
import type { CheckedCertificate } from "./certificate.ts";

export type RevocationStatus = "good" | "revoked" | "unknown";

export interface RevocationSource {
  /** What this source knows; it never throws, and says unknown when it cannot find out. */
  status(checked: CheckedCertificate, now: number): RevocationStatus | Promise<RevocationStatus>;
}

export interface Revocation {
  readonly sources: readonly RevocationSource[];
  /** What becomes of a certificate of which no source knows. */
  readonly unknown: "refuse" | "accept";
}

/** Without sources nothing is asked and everything is admitted. */
export async function admits({ sources, unknown }: Revocation, checked: CheckedCertificate, now: number): Promise<boolean> {
  if (sources.length === 0) return true;
  const answers = await Promise.all(sources.map((source) => source.status(checked, now)));
  if (answers.includes("revoked")) return false;
  return answers.includes("good") || unknown === "accept";
}
