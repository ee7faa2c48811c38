/**
 * What can be told of a policy document without a vault: its form, its roles and where its rules hold. Conditions are the
 * vault's to compile.
 */
import { HsmError } from "../errors.ts";
import { findRole } from "../role-names.ts";
import { outOfPlace } from "../server-wide.ts";
import type { PolicyDocument } from "./document.ts";
import { parsePolicy } from "./parse.ts";

/**
 * A rule about namespaces and about what is the server's looks as if it protected something, and never is about a request.
 * Asked of new documents alone: one in force from before must not keep the vault from opening.
 *
 * @throws {HsmError} INVALID_REQUEST naming the rule
 */
export function requirePlaces(document: PolicyDocument): void {
  for (const { id, namespaces, permissions } of document.approvals) {
    const [name] = namespaces.includes("*") ? [] : outOfPlace({ namespaces, permissions });
    if (name !== undefined)
      throw new HsmError(
        "INVALID_REQUEST",
        `policy: approval rule ${id}: ${name} is about the server, so a rule with namespaces is never about it; write *`,
      );
  }
}

/** @throws {HsmError} INVALID_REQUEST naming what is wrong with a document that is to be set */
export function checkPolicy(text: string): void {
  requirePlaces(parsePolicy(text, findRole));
}
