/** Laws over the whole command tree, and the ways a command line can be wrong. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { Command } from "commander";
import { ERRORS, VERSION } from "@keystead/client/names";
import { examplesOf } from "./command-tree.ts";
import { completionNodes, completionScript, SHELLS } from "./completion-script.ts";
import { createProgram } from "./program.ts";
import { runIn } from "./recording-shell.ts";
import { processShell } from "./shell.ts";

const root = createProgram({ shell: processShell(), exit: 0 });

function walk(command: Command, path: readonly string[] = []): { command: Command; path: readonly string[] }[] {
  return command.commands.flatMap((child) => {
    const here = [...path, child.name()];
    return [{ command: child, path: here }, ...walk(child, here)];
  });
}
const all = walk(root);
const leaves = all.filter(({ command }) => command.commands.length === 0);

test("the command line has every promised command", () => {
  const paths = new Set(all.map(({ path }) => path.join(" ")));
  for (const promised of [
    "server",
    "dev",
    "init",
    "status",
    "seal",
    "unseal",
    "keys create",
    "keys import",
    "keys list",
    "keys show",
    "keys public",
    "keys rotate",
    "keys delete",
    "sign",
    "verify",
    "encrypt",
    "decrypt",
    "mac",
    "mac verify",
    "hash",
    "random",
    "data-key",
    "batch",
    "audit tail",
    "audit follow",
    "audit verify",
    "store verify",
    "namespaces create",
    "namespaces list",
    "scripts upload",
    "scripts simulate",
    "login",
    "logout",
    "whoami",
    "users create",
    "users password",
    "users totp",
    "sessions list",
    "sessions revoke",
    "service-accounts create",
    "service-accounts secret-id",
    "token mint",
    "config accept",
    "config diff",
    "config history",
    "config validate",
    "completion",
  ])
    assert.ok(paths.has(promised), promised);
});

test("every command has a summary, and help that ends in examples", async () => {
  for (const { command, path } of all) {
    assert.ok(command.summary().length > 8, path.join(" "));
    const { out, exit } = await runIn({}, ...path, "--help");
    assert.equal(exit, 0);
    assert.match(out.toString(), /Examples:\n {2}\$ .*keystead /, path.join(" "));
    assert.match(out.toString(), /--profile <file>/, path.join(" "));
  }
});

test("no command has an option of every command a second time, with another meaning", () => {
  // The program says its own version only where no command is named.
  const globals = new Map(root.options.filter(({ long }) => long !== "--version").map(({ long, flags }) => [long, flags]));
  for (const { command, path } of all)
    for (const { long, flags } of command.options) assert.equal(flags, globals.get(long) ?? flags, path.join(" "));
});

test("every example names its own command and only options that exist", () => {
  for (const { command, path } of leaves) {
    assert.ok(examplesOf(command).length > 0, path.join(" "));
    for (const example of examplesOf(command)) {
      const line = example.slice(example.indexOf("keystead "));
      const words = path.join(" ").replace(" make", "");
      assert.ok(line.startsWith(`keystead ${words}`), `${example} should show ${words}`);
      for (const [flag] of line.matchAll(/(?<= )--[a-z0-9-]+/g)) {
        assert.ok(
          [...command.options, ...root.options].some((option) => option.long === flag),
          `${flag} in ${example}`,
        );
      }
    }
  }
});

test("completion knows every command and every option, in all three shells", () => {
  for (const shell of SHELLS) {
    const script = completionScript(root, shell);
    for (const { path } of all) assert.ok(script.includes(path.join("/")), `${shell}: ${path.join("/")}`);
    for (const node of completionNodes(root))
      for (const { flag } of node.options)
        assert.ok(script.includes(shell === "fish" ? `-l '${flag.slice(2)}'` : flag), `${shell}: ${flag}`);
  }
});

test("the bash script completes commands, options and sub-commands when bash runs it", () => {
  const ask = (line: string): readonly string[] => {
    const words = line.split(" ");
    const script = `${completionScript(root, "bash")}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _keystead; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim().split("\n");
  };
  assert.deepEqual(ask("keystead unse"), ["unseal"]);
  assert.deepEqual(ask("keystead keys rot"), ["rotate"]);
  assert.deepEqual(ask("keystead --namespace keys ver"), ["verify"]);
  assert.deepEqual(ask("keystead keys create --des"), ["--description"]);
});

test("prints the version", async () => {
  const { out, exit } = await runIn({}, "--version");
  assert.deepEqual([out.toString(), exit], [`${VERSION}\n`, 0]);
});

test("a command line that is wrong is answered with how the command is called, and where its help is", async () => {
  for (const [line, usage] of [
    [["keys", "create", "x", "--algorithm", "y"], "keystead keys create [options] <algorithm>"],
    [["sign"], "keystead sign [options] <key> [text]"],
  ] as const) {
    const { exit, err } = await runIn({}, ...line);
    assert.equal(exit, 2);
    assert.ok(err.includes(`  usage: ${usage}\n`), err);
  }
});

test("an unknown command or option, or a missing argument, is exit status 2", async () => {
  for (const line of [
    ["bogus"],
    ["sign"],
    ["sign", "k", "--colour"],
    ["keys"],
    ["keys", "bogus"],
    ["unseal"],
    ["token", "mint"],
    ["random", "0"],
    ["random", "x"],
    ["keys", "list", "--per-page", "1001"],
    ["hash", "x", "--algorithm", "md5"],
  ]) {
    const { exit, err, out } = await runIn({ terminal: false }, ...line);
    assert.equal(exit, 2, `${line.join(" ")}: ${err}`);
    assert.ok(err.length > 0);
    assert.equal(out.length, 0);
  }
});

test("the help lists the exit status of every error code", async () => {
  const { out } = await runIn({}, "--help");
  for (const [code, row] of Object.entries(ERRORS)) assert.match(out.toString(), new RegExp(`(^|\\s)${row.exit}  \\S`, "m"), code);
});

test("commands of the server say how to start them when they are reached here", async () => {
  const { exit, err } = await runIn({}, "audit", "verify", "--data-dir", "x");
  assert.equal(exit, 2);
  assert.match(err, /keystead audit verify/);
});

test("a failure is told in the form that results would have, and a form that is none is a mistake", async () => {
  const told = await runIn({ client: {} }, "batch", "missing.json", "--output", "yaml");
  assert.equal(told.exit, 2);
  assert.match(told.err, /^error:\n  code: INVALID_REQUEST\n/);
  const wrong = await runIn({ client: {} }, "batch", "missing.json", "--output", "xml");
  assert.equal(wrong.exit, 2);
  assert.match(wrong.err, /'xml' is not one of table, json, yaml/);
});
