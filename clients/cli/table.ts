/** Tables for people: columns padded to their widest cell, a bold heading on terminals, nothing but text elsewhere. */
import { stripVTControlCharacters, styleText } from "node:util";
import type { Shell, Terminal } from "./shell.ts";

/** Colours only on a terminal, and never with NO_COLOR. */
export const colours = (shell: Pick<Shell, "env">, stream: Terminal<unknown>): boolean =>
  stream.isTTY === true && !shell.env["NO_COLOR"] && shell.env["TERM"] !== "dumb";

/** Text from a server must not move the cursor or colour the screen of whoever reads it. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");

const strong = (text: string, colour: boolean): string => (colour ? styleText("bold", text, { validateStream: false }) : text);

/** Rows under a heading, two spaces between columns, a line ending after every row. */
export function renderTable(heading: readonly string[], rows: readonly (readonly string[])[], colour: boolean): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [strong(line(heading.map((title) => title.toUpperCase())), colour), ...cells.map(line)].map((text) => `${text}\n`).join("");
}

/** One fact per line, names aligned. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[], colour: boolean): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${strong(name.padEnd(width), colour)}  ${printable(value)}\n`).join("");
}
