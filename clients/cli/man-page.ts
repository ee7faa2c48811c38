/**
 * Pages of the manual (section 1), made of the command tree: the same words as `--help`, in the form that man(1) reads.
 *
 * @see man(7); groff_man_style(7) for what is written plainly and what is escaped
 */
import type { Argument, Command, Option } from "commander";
import { examplesOf, notesOf, pathOf } from "./command-tree.ts";
import { EXIT_STATUS } from "./exit-status-text.ts";

/** A page, and the file it belongs in. */
export interface ManPage {
  /** `keystead-keys-create.1` */
  readonly file: string;
  readonly text: string;
}

/** Text in which nothing is a command of roff: backslashes, hyphens that are meant as minus, dots and quotes at a line's start. */
const plain = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/^\./gm, "\\&.");
const pageName = (command: Command): string => pathOf(command).replaceAll(" ", "-");
const bold = (text: string): string => `\\fB${plain(text)}\\fR`;
const italic = (text: string): string => `\\fI${plain(text)}\\fR`;
const argumentText = (argument: Argument): string => {
  const shown = `${italic(argument.name())}${argument.variadic ? " ..." : ""}`;
  return argument.required ? shown : `[${shown}]`;
};

function option({ flags, description, defaultValue }: Option): string {
  const shown = flags.replace(/(<[^>]+>|\[[^\]]+\])|([^<[]+)/g, (_, value?: string, words?: string) =>
    value === undefined ? bold(words ?? "") : italic(value.slice(1, -1)),
  );
  const otherwise = defaultValue === undefined || typeof defaultValue === "boolean" ? "" : ` (default: ${String(defaultValue)})`;
  return `.TP\n${shown}\n${plain(description + otherwise)}\n`;
}

const literal = (lines: readonly string[]): string => `.PP\n.in +4n\n.EX\n${lines.map(plain).join("\n")}\n.EE\n.in\n`;
const section = (title: string, text: string): string => (text === "" ? "" : `.SH ${title}\n${text}`);

/** The page of one command. @param version of the program, for the foot of the page */
export function manPage(command: Command, version: string): ManPage {
  const root = topOf(command);
  const name = pageName(command);
  const summary = command === root ? "use and manage keys of a Keystead server" : command.summary();
  const children = command.commands.filter((child) => child.name() !== "help");
  const parts = [bold(pathOf(command)), "[" + italic("options") + "]", ...command.registeredArguments.map(argumentText)];
  if (children.length > 0) parts.push(`[${italic("command")}]`);
  const commands = children.map((child) => `.TP\n${bold(child.name())}\n${plain(child.summary())}; see ${bold(pageName(child))}(1)\n`);
  const [, ...exits] = EXIT_STATUS.trim().split("\n");
  const notes = notesOf(command);
  const also = [command.parent, ...children].filter((one): one is Command => one !== null).map((one) => `${bold(pageName(one))}(1)`);
  return {
    file: `${name}.1`,
    text: [
      `.TH ${plain(name).toUpperCase()} 1 "" "Keystead ${version}" "Keystead"\n`,
      section("NAME", `${plain(name)} \\- ${plain(summary)}\n`),
      section("SYNOPSIS", `${parts.join(" ")}\n`),
      section("DESCRIPTION", `${plain(command.description())}\n${notes === "" ? "" : `.PP\n${plain(notes)}\n`}`),
      section("COMMANDS", commands.join("")),
      section("OPTIONS", command === root ? "" : command.options.map(option).join("")),
      section("OPTIONS OF EVERY COMMAND", root.options.map(option).join("")),
      section("EXIT STATUS", literal(exits)),
      section("EXAMPLES", examplesOf(command).length === 0 ? "" : literal(examplesOf(command).map((line) => `$ ${line}`))),
      section("SEE ALSO", also.length === 0 ? "" : `${also.join(",\n")}\n`),
    ].join(""),
  };
}

/** The pages of a command and of all below it. */
export const manPages = (command: Command, version: string): readonly ManPage[] => [
  manPage(command, version),
  ...command.commands.filter((child) => child.name() !== "help").flatMap((child) => manPages(child, version)),
];

const topOf = (command: Command): Command => (command.parent === null ? command : topOf(command.parent));
