/**
 * Reads Wycheproof's files where they lie, beside the repository.
 *
 * Source https://github.com/C2SP/wycheproof (testvectors_v1), Apache-2.0. The folder absent means the suites skip and
 * say so; under CI=true that is a failure. Each suite asserts how many cases it ran, so none can be silently empty.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** What every file must be, in the format of sha256sum(1). */
const SUMS = readFileSync(new URL("wycheproof.sha256", import.meta.url), "utf8");
const FOLDER = new URL("../../../shared/vectors/wycheproof/", import.meta.url);

export interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: "valid" | "invalid" | "acceptable";
  /** Hexadecimal members, by family. */
  readonly [member: string]: unknown;
}
export type Group = { readonly tests: readonly Case[] } & { readonly [member: string]: unknown };

const skip = existsSync(FOLDER) ? false : `no Wycheproof vectors in ${FOLDER.pathname}`;
if (skip !== false && process.env["CI"] === "true") test("Wycheproof vectors are present", () => assert.fail(skip));

/** A hexadecimal member as bytes. */
export function hex(holder: { readonly [member: string]: unknown }, member: string): Buffer {
  const value = holder[member];
  assert.equal(typeof value, "string", `${member} is missing`);
  return Buffer.from(value as string, "hex");
}

/**
 * One test over a file: `run` gets every case for which `applies` holds and returns our verdict.
 *
 * A "valid" case must be true and an "invalid" one false. For "acceptable" (legal, but weak or unusual) there is no
 * default: `acceptable` says which verdict we stand by.
 *
 * @param expectedCases how many cases must have run; counted from the file at the version in use
 */
export function wycheproof(
  file: string,
  expectedCases: number,
  run: (item: Case, group: Group) => boolean,
  options: { readonly applies?: (group: Group, item: Case) => boolean; readonly acceptable?: boolean } = {},
): void {
  test(`Wycheproof ${file}`, { skip }, () => {
    const text = readFileSync(new URL(file, FOLDER));
    assert.ok(SUMS.includes(`${hash("sha256", text)}  ${file}\n`), `${file} is not the version these suites were counted from`);
    const { testGroups } = JSON.parse(text.toString()) as { testGroups: Group[] };
    let count = 0;
    const wrong: string[] = [];
    for (const group of testGroups) {
      for (const item of group.tests) {
        if (options.applies?.(group, item) === false) continue;
        count++;
        if (item.result === "acceptable") assert.notEqual(options.acceptable, undefined, "an acceptable case nobody decided about");
        const expected = item.result === "acceptable" ? options.acceptable : item.result === "valid";
        if (run(item, group) !== expected) wrong.push(`#${item.tcId} ${item.result} ${item.flags.join(",")}: ${item.comment}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.equal(count, expectedCases);
  });
}

/** True when `decrypt` returns `expected`; false when it throws DECRYPTION_FAILED; anything else is thrown on. */
export function decryptsTo(decrypt: () => Buffer, expected: Buffer): boolean {
  try {
    return decrypt().equals(expected);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "DECRYPTION_FAILED");
    return false;
  }
}
