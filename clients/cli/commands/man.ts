/** `keystead man`: the manual, made of the commands themselves. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { VERSION } from "@keystead/client/names";
import { leaf, pathOf, type Run } from "../command-tree.ts";
import { manPage, manPages } from "../man-page.ts";
import { write } from "../shell.ts";
import { usageError } from "../usage-error.ts";

export function man(root: Command, run: Run): void {
  leaf<{ readonly all?: string }>(root, run, {
    usage: "man [command...]",
    summary: "Print the page of the manual for a command, or write all of them",
    notes: "A page is what man(1) reads: show it with `man -l -`, or put all of them where man looks.",
    examples: ["keystead man keys create | man -l -", "keystead man --all ~/.local/share/man/man1"],
    options: (command) => command.option("--all <folder>", "write every page into this folder"),
    body: async (context, { all }, words) => {
      if (all === undefined) return write(context.shell.stdout, manPage(find(root, words), VERSION).text);
      if (words.length > 0) throw usageError("--all is for every command");
      const folder = resolve(context.shell.cwd, all);
      const pages = manPages(root, VERSION);
      mkdirSync(folder, { recursive: true });
      for (const { file, text } of pages) writeFileSync(join(folder, file), text);
      await context.print({ folder, pages: pages.map(({ file }) => file) }, () => `${pages.length} pages in ${folder}\n`);
    },
  });
}

function find(root: Command, words: readonly string[]): Command {
  let command = root;
  for (const word of words) {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) throw usageError(`'${pathOf(command)}' has no command '${word}'`);
    command = child;
  }
  return command;
}
