/**
 * For tests of authorisation: what the reference page says about roles and operations, and a message of each that the
 * contract's rules have nothing against.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ScalarType, create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { validatorFor } from "@keystead/contract/validate";
import fc from "fast-check";
import { ROOT } from "./running-server.ts";

const PAGE = readFileSync(join(ROOT, "docs/reference/operations.md"), "utf8");
const rows = (heading: string): string[][] =>
  (PAGE.split(`## ${heading}\n`)[1] ?? "")
    .split("\n## ")[0]
    ?.split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .slice(2, -2)
        .split(" | ")
        .map((cell) => cell.trim()),
    ) ?? [];

/** What each role carries, as the page says. */
export const [HEAD = [], , ...BODY] = rows("Roles");
export const CARRIES = new Map(
  BODY.map(([role = "", ...marks]) => [role, new Set(HEAD.slice(1).filter((_, index) => marks[index] === "x"))]),
);
/** When each operation is possible, as the page says. */
export const PHASES = new Map(rows("Operations").map(([name = "", , phases = ""]) => [name.replaceAll("`", ""), phases.split(/, ?/)]));

/** Something for every kind of field; the first that no rule is against is taken. */
const TEXTS = [
  "k",
  "default",
  "Sign",
  "wasm",
  "2",
  "123456",
  "Ed25519",
  "00000000-0000-7000-8000-000000000000",
  "a".repeat(12),
  "0".repeat(32),
];
const VALUES: readonly unknown[] = [
  ...TEXTS,
  "0".repeat(64),
  "user:x",
  ...[1, 12, 16, 32, 64].map((size) => Buffer.alloc(size, 1)),
  1,
  2,
  8,
  16,
  60,
  300,
  3600,
  86_400,
];

/** A message that the contract's rules have nothing against. */
export function validMessage(desc: DescMessage): Message {
  const message = create(desc) as Message & Record<string, unknown>;
  const broken = (): string[] => validatorFor(desc)(message).map(({ field }) => field);
  for (const field of desc.fields) {
    const wrong = (): boolean => broken().some((name) => name === field.name || name.startsWith(`${field.name}[`));
    if (!wrong()) continue;
    for (const value of field.message === undefined ? VALUES : [validMessage(field.message)]) {
      if (field.message === undefined && field.enum === undefined && typeof value !== typeof scalarOf(field.scalar)) continue;
      if (field.enum !== undefined && typeof value !== "number") continue;
      message[field.localName] = field.fieldKind === "list" ? [value] : value;
      if (!wrong()) break;
    }
    const pattern = validatorFor(desc)(message).find((one) => one.field === field.name && one.message.startsWith("must match "));
    if (pattern !== undefined)
      message[field.localName] = fc.sample(fc.stringMatching(new RegExp(pattern.message.slice("must match ".length), "u")), {
        numRuns: 1,
        seed: 1,
      })[0];
  }
  // A stream that ends.
  if (desc.field["untilNow"] !== undefined) message["untilNow"] = true;
  assert.deepEqual(broken(), [], `${desc.typeName} has a message that is valid`);
  return message;
}

/** A value of the kind that a scalar's values are of. */
const scalarOf = (scalar: ScalarType | undefined): unknown =>
  scalar === ScalarType.STRING ? "" : scalar === ScalarType.BYTES ? Buffer.alloc(0) : 0;
