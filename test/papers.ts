/**
 * The fenced blocks of README.md and docs/, for tests that run what the papers say. Nothing is run here.
 *
 * `…` in a `text` block stands for anything; on a line of its own, for any lines.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

export interface Block {
  readonly paper: string;
  readonly line: number;
  readonly info: string;
  readonly text: string;
  /** The `text` block that follows. */
  output: string | undefined;
}

/** The fenced blocks of a paper, in order. A `text` block right after one of these kinds is its output. */
export function blocksOf(paper: string, kinds: readonly string[] = ["sh run"]): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [at, line] of readFileSync(join(ROOT, paper), "utf8").split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
      // Words between a command and a text: the text is no longer the command's output.
      if (open === undefined && line.trim() !== "") blocks.push({ paper, line: at + 1, info: "", text: line, output: undefined });
    } else if (open === undefined) {
      open = { line: at + 1, info: (fence[1] ?? "").trim(), lines: [] };
    } else {
      const last = blocks.at(-1);
      if (open.info === "text" && last !== undefined && kinds.includes(last.info)) last.output = open.lines.join("\n");
      blocks.push({ paper, line: open.line, info: open.info, text: open.lines.join("\n"), output: undefined });
      open = undefined;
    }
  }
  assert.equal(open, undefined, `${paper}: a fence is not closed`);
  return blocks.filter(({ info }) => info !== "");
}

/** The expected output as an expression. */
export function printed(output: string): RegExp {
  const quoted = output
    .trimEnd()
    .split("\n")
    .map((line) =>
      line.trim() === "…"
        ? "(?:.*\n)*?"
        : `${line
            .replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
            .replaceAll("…", ".*?")
            .replaceAll(/ +/g, " +")} *\n`,
    );
  return new RegExp(`^${quoted.join("")}$`);
}
