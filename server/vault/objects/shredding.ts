/**
 * What is said of records that were destroyed with their namespace: how many, and a digest that whoever has the audit log
 * can compute again.
 *
 *      digest of none          64 zeros
 *      digest with one more    SHA-256( digest so far, 64 hex | " " | record's name | " " | record's last digest, 64 hex )
 *
 * in the order in which the log names them. A record's last digest is the one that the log anchored before.
 */
import { hash } from "node:crypto";

/** What was destroyed, so far or in all. */
export interface Gone {
  readonly keys: number;
  readonly records: number;
  readonly digest: string;
}

/** What a namespace's end leaves behind (record kind "shredding"); times are milliseconds since the epoch. */
export interface Shredding extends Gone {
  readonly namespace: string;
  readonly createdAt: number;
  readonly requestedBy: string;
  readonly requestedAt: number;
  readonly reason: string;
  readonly destroyedAt: number;
}

export const NOTHING_GONE: Gone = Object.freeze({ keys: 0, records: 0, digest: "0".repeat(64) });

/** The same with one record more. @param name as in the audit log: `namespace/kind/id/version` */
export function withGone({ keys, records, digest }: Gone, name: string, lastDigest: string): Gone {
  return {
    keys: keys + (name.split("/")[1] === "key" ? 1 : 0),
    records: records + 1,
    digest: hash("sha256", `${digest} ${name} ${lastDigest}`, "hex"),
  };
}
