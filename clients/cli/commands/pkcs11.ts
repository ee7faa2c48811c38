/** `keystead pkcs11 doctor`: why an application's PKCS#11 does not work, and what to do. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { group, leaf, type Run } from "../command-tree.ts";
import { askPassword } from "../hidden-input.ts";
import { probeOf, remedyFor, run as runProgram } from "../pkcs11-application.ts";
import { bad, checkConnection, checkFiles, good, settingsOf, type Finding } from "../pkcs11-configuration.ts";
import { findLibraries } from "../pkcs11-library.ts";
import type { Shell } from "../shell.ts";

interface Options {
  readonly library?: string;
  readonly file?: string;
  readonly slot: string;
  readonly login?: boolean;
  readonly pin?: string;
  readonly label?: string;
}

/** What the helper prints of a module. */
interface Information {
  readonly library: string;
  readonly slots: readonly { readonly slot: number; readonly label: string; readonly mechanisms: number }[];
}

export function pkcs11(root: Command, run: Run): void {
  const parent = group(root, "pkcs11", "Help with the PKCS#11 module");
  leaf<Options>(parent, run, {
    usage: "doctor",
    summary: "Find out why PKCS#11 does not work, and say what to do",
    notes:
      "Looks for modules, at the configuration and its files, at the connection, and loads the module in a process of its own:\n" +
      "by hsm-pkcs11-probe beside it, else by pkcs11-tool. --login tries a PIN, --label times signatures of a key.\n" +
      "Ends with 1 when something is wrong.",
    examples: ["keystead pkcs11 doctor", "keystead pkcs11 doctor --library ./libhsm_pkcs11.so --login --label tls-key"],
    options: (command) =>
      command
        .option("--library <file>", "the module; else that of PKCS11_LIBRARY_PATH and the usual folders")
        .option("--file <file>", "its configuration; else HSM_PKCS11_CONFIG")
        .option("--slot <number>", "place of the slot among those with a token", "0")
        .option("--login", "ask for the user PIN and try it")
        .option("--pin <reference>", "the PIN as file:PATH, env:NAME or fd:N")
        .option("--label <label>", "an ECDSA P-256 key whose signatures are timed"),
    body: async (context, options) => {
      const findings = await examine(context.shell, options);
      await context.print({ findings }, () =>
        context.table(
          ["", "check", "found", "what to do"],
          findings.map(({ check, ok, found, remedy }) => [ok ? "ok" : "!!", check, found, remedy]),
        ),
      );
      return findings.every(({ ok }) => ok) ? 0 : 1;
    },
  });
}

async function examine(shell: Shell, options: Options): Promise<Finding[]> {
  const { paths, missing } = findLibraries(shell, options.library);
  const [library] = paths;
  const findings = missing.map((path) => bad("library", `${path} is no module`, "name the module, or a folder with it"));
  findings.push(
    library === undefined
      ? bad("library", "there is no module", "build it (docs/integrate/pkcs11.md), and set PKCS11_LIBRARY_PATH or pass --library")
      : good("library", paths.join(", ")),
  );
  const file = options.file ?? shell.env["HSM_PKCS11_CONFIG"];
  const { text, finding } = configurationOf(file === undefined ? undefined : resolve(shell.cwd, file));
  const settings = settingsOf(text, shell.env);
  findings.push(finding, ...checkFiles(settings, Date.now()), await checkConnection(settings));
  if (library === undefined) return findings;
  const variables = file === undefined ? {} : { HSM_PKCS11_CONFIG: resolve(shell.cwd, file) };
  return [...findings, ...(await application(shell, library, variables, options))];
}

function configurationOf(path: string | undefined): { readonly text: string; readonly finding: Finding } {
  if (path === undefined)
    return { text: "", finding: good("configuration", "no file is named (HSM_PKCS11_CONFIG, --file); variables alone count") };
  try {
    return { text: readFileSync(path, "utf8"), finding: good("configuration", path) };
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? "";
    return {
      text: "",
      finding: bad(
        "configuration",
        `${path} cannot be read (${why})`,
        "set HSM_PKCS11_CONFIG to a file that the application's user may read",
      ),
    };
  }
}

/** The module as an application has it: slots, a PIN, and how long a signature takes. */
async function application(
  shell: Shell,
  library: string,
  variables: Readonly<Record<string, string>>,
  options: Options,
): Promise<Finding[]> {
  const probe = probeOf(library);
  const ended = await runProgram(shell, probe, [library, "info"], variables);
  if (ended === undefined) return byTool(shell, library, variables, options);
  if (ended.status !== 0) return [bad("module", ended.err.trim() || "the module ended the program that loaded it", remedyFor(ended.err))];
  const { library: name, slots } = JSON.parse(ended.out) as Information;
  const findings = [
    good("module", name),
    slots.length === 0
      ? bad("slots", "there are none", "give the configuration slots, or who asks a token (keystead tokens list)")
      : good("slots", slots.map(({ label, mechanisms }, place) => `${place}: ${label} (${mechanisms} mechanisms)`).join(", ")),
  ];
  const pin = await pinOf(shell, options);
  const words = [`slot=${options.slot}`, "mechanism=ecdsa", `label=${options.label ?? ""}`];
  if (pin !== undefined) {
    const tried = await runProgram(shell, probe, [library, "login", ...words], { ...variables, ...pin });
    findings.push(
      tried?.status === 0 ? good("PIN", "it opens the token") : bad("PIN", tried?.err.trim() ?? "", remedyFor(tried?.err ?? "")),
    );
  }
  if (options.label !== undefined) {
    const timed = await runProgram(shell, probe, [library, "sign", ...words, "seconds=1"], { ...variables, ...pin });
    if (timed?.status !== 0) findings.push(bad("speed", timed?.err.trim() ?? "", remedyFor(timed?.err ?? "")));
    else {
      const { medianUs, p95Us } = JSON.parse(timed.out) as { readonly medianUs: number; readonly p95Us: number };
      const took = `a signature takes ${(medianUs / 1000).toFixed(1)} ms, and in one case of twenty ${(p95Us / 1000).toFixed(1)} ms or more`;
      findings.push(
        medianUs < SLOW_US
          ? good("speed", took)
          : bad("speed", took, "look at the way to the server, at its load, and at its disk (keystead alerts)"),
      );
    }
  }
  return findings;
}

/** Slower than a server in the same building is. */
const SLOW_US = 50_000;

async function pinOf(shell: Shell, { login, pin }: Options): Promise<Readonly<Record<string, string>> | undefined> {
  if (login !== true && pin === undefined) return undefined;
  const bytes = await askPassword("PIN: ", pin, "--pin", shell);
  try {
    return { HSM_PIN: bytes.toString("utf8") };
  } finally {
    bytes.fill(0);
  }
}

/** The same by OpenSC's program, as far as it goes: it does not time anything. */
async function byTool(shell: Shell, library: string, variables: Readonly<Record<string, string>>, options: Options): Promise<Finding[]> {
  const tool = (...args: string[]) => runProgram(shell, "pkcs11-tool", ["--module", library, ...args], variables);
  const listed = await tool("--list-token-slots");
  if (listed === undefined)
    return [bad("module", "no program here can load it", "install OpenSC (apt install opensc), or put hsm-pkcs11-probe beside the module")];
  if (listed.status !== 0) return [bad("module", listed.err.trim(), remedyFor(listed.err))];
  const labels = [...listed.out.matchAll(/token label\s*: (.*)/g)].map(([, label]) => label ?? "");
  const findings = [
    labels.length === 0
      ? bad("slots", "there are none", "give the configuration slots, or who asks a token (keystead tokens list)")
      : good("slots", labels.map((label, place) => `${place}: ${label}`).join(", ")),
  ];
  const pin = await pinOf(shell, options);
  if (pin !== undefined) {
    const args = ["--module", library, "--slot-index", options.slot, "--login", "--pin", "env:HSM_PIN", "--list-objects"];
    const tried = await runProgram(shell, "pkcs11-tool", args, { ...variables, ...pin });
    findings.push(
      tried?.status === 0 ? good("PIN", "it opens the token") : bad("PIN", tried?.err.trim() ?? "", remedyFor(tried?.err ?? "")),
    );
  }
  if (options.label !== undefined) findings.push(bad("speed", "pkcs11-tool times nothing", "put hsm-pkcs11-probe beside the module"));
  return findings;
}
