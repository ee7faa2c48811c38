/**
 * How commands are declared: a name with its arguments, one line of summary, examples, options, and a body.
 *
 * Every command comes from {@link leaf} or {@link group}, so that help, examples, completion and exit statuses are
 * the same everywhere.
 */
import { Command } from "commander";
import { withContext, type Context } from "./context.ts";
import type { GlobalOptions } from "./global-options.ts";
import type { Shell } from "./shell.ts";

/** What the bodies share while one command line runs. */
export interface Run {
  readonly shell: Shell;
  /** Exit status; a body sets it by returning a number. */
  exit: number;
}

const told = new WeakMap<Command, Pick<Declaration<unknown>, "examples" | "notes">>();

/** The examples a command was declared with. */
export const examplesOf = (command: Command): readonly string[] => told.get(command)?.examples ?? [];

/** The sentences below its options; empty for none. */
export const notesOf = (command: Command): string => told.get(command)?.notes ?? "";

export interface Declaration<O> {
  /** `sign <key> [text]` */
  readonly usage: string;
  readonly summary: string;
  /** Whole command lines that begin with `keystead`. */
  readonly examples: readonly string[];
  /** Sentences below the options. */
  readonly notes?: string;
  readonly options?: (command: Command) => Command;
  /** Runs when its group is called without one of the group's commands. */
  readonly isDefault?: boolean;
  /** Gets the options and the arguments in order; a returned number is the exit status. */
  readonly body: (context: Context, options: O, args: readonly string[]) => Promise<number | void>;
}

/** Adds a command that does something. */
export function leaf<O>(parent: Command, run: Run, declaration: Declaration<O>): Command {
  const command = parent
    .command(declaration.usage, { isDefault: declaration.isDefault === true })
    .summary(declaration.summary)
    .description(`${declaration.summary}.`);
  declaration.options?.(command);
  told.set(command, declaration);
  const notes = declaration.notes === undefined ? "" : `\n${declaration.notes}\n`;
  command.addHelpText("after", `${notes}\nExamples:\n${declaration.examples.map((line) => `  $ ${line}\n`).join("")}`);
  const path = pathOf(command);
  command.showHelpAfterError(`  usage: ${path} ${command.usage()}\n  see \`${path} --help\``);
  command.action(async () => {
    const options = command.optsWithGlobals<GlobalOptions & O>();
    const args = command.processedArgs.flat().filter((value): value is string => value !== undefined);
    const exit = await withContext(run.shell, options, (context) => declaration.body(context, options as O, args));
    if (typeof exit === "number") run.exit = exit;
  });
  return command;
}

/** The words that call a command, `keystead` first. */
export function pathOf(command: Command): string {
  return command.parent === null ? "keystead" : `${pathOf(command.parent)} ${command.name()}`;
}

/** Adds a command that only holds others. */
export function group(parent: Command, name: string, summary: string): Command {
  const command = parent.command(name).summary(summary).description(`${summary}.`);
  const firsts = (): string =>
    command.commands
      .flatMap((child) => examplesOf(child).slice(0, 1))
      .map((line) => `  $ ${line}\n`)
      .join("");
  return command.addHelpText("after", () => `\nExamples:\n${firsts()}`);
}

/** Declares `--in`, for data that travels in one request. */
export const inOption = (command: Command, what: string): Command => command.option("--in <file>", `${what}; - is stdin`);

/** Declares `--out` and `--force`. */
export const outOptions = (command: Command): Command =>
  command
    .option("--out <file>", "write to this file instead of stdout; - is stdout as raw bytes")
    .option("--force", "replace the file of --out");

/** Declares `--base64` and `--hex`. */
export const textOptions = (command: Command, what: string): Command =>
  command.option("--base64", `${what} in base64`).option("--hex", `${what} in hexadecimal`);

/** An option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
