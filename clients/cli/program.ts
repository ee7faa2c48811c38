/**
 * The whole command line: the register of commands, one line each, and how a line is run and its failures told.
 */
import { Command, CommanderError } from "commander";
import { VERSION } from "@keystead/client/names";
import type { Run } from "./command-tree.ts";
import { reportFailure } from "./error-report.ts";
import { EXIT_STATUS } from "./exit-status-text.ts";
import { addGlobalOptions, type GlobalOptions } from "./global-options.ts";
import { outputForm, type OutputForm } from "./output-form.ts";
import { write, type Shell } from "./shell.ts";
import { agree } from "./commands/agree.ts";
import { approvals } from "./commands/approvals.ts";
import { audit } from "./commands/audit.ts";
import { batch } from "./commands/batch.ts";
import { alerts } from "./commands/alerts.ts";
import { budgets } from "./commands/budgets.ts";
import { certificate } from "./commands/certificate.ts";
import { completion } from "./commands/completion.ts";
import { context } from "./commands/context.ts";
import { csr } from "./commands/csr.ts";
import { dataKey } from "./commands/data-key.ts";
import { decapsulate } from "./commands/decapsulate.ts";
import { decrypt } from "./commands/decrypt.ts";
import { encapsulate } from "./commands/encapsulate.ts";
import { derive } from "./commands/derive.ts";
import { config, dev, selftest, server, store } from "./commands/dispatched.ts";
import { encrypt } from "./commands/encrypt.ts";
import { hash } from "./commands/hash.ts";
import { hpke } from "./commands/hpke.ts";
import { init } from "./commands/init.ts";
import { keys } from "./commands/keys.ts";
import { login, logout } from "./commands/login.ts";
import { mac } from "./commands/mac.ts";
import { man } from "./commands/man.ts";
import { metrics } from "./commands/metrics.ts";
import { namespaces } from "./commands/namespaces.ts";
import { objects } from "./commands/objects.ts";
import { pkcs11 } from "./commands/pkcs11.ts";
import { policy, roles } from "./commands/policy.ts";
import { bindings } from "./commands/bindings.ts";
import { grants } from "./commands/grants.ts";
import { random } from "./commands/random.ts";
import { exportCommand } from "./commands/export.ts";
import { rewrap } from "./commands/rewrap.ts";
import { unwrap } from "./commands/unwrap.ts";
import { wrap } from "./commands/wrap.ts";
import { rekey } from "./commands/rekey.ts";
import { scripts } from "./commands/scripts.ts";
import { seal } from "./commands/seal.ts";
import { serviceAccounts } from "./commands/service-accounts.ts";
import { sessions } from "./commands/sessions.ts";
import { sign } from "./commands/sign.ts";
import { signDigest } from "./commands/sign-digest.ts";
import { signRaw } from "./commands/sign-raw.ts";
import { sinks } from "./commands/sinks.ts";
import { status } from "./commands/status.ts";
import { token } from "./commands/token-mint.ts";
import { unseal } from "./commands/unseal.ts";
import { users } from "./commands/users.ts";
import { verify } from "./commands/verify.ts";
import { whoami } from "./commands/whoami.ts";

/** The commands under their headings in `--help`. */
const REGISTER: readonly (readonly [heading: string, commands: readonly ((root: Command, run: Run) => void)[]])[] = [
  ["Server:", [dev, server, init, config, status, metrics, alerts, seal, unseal, rekey]],
  ["People and programs:", [login, logout, whoami, users, serviceAccounts, sessions]],
  ["Keys:", [keys, objects, namespaces, budgets]],
  ["Use of keys:", [sign, signDigest, signRaw, verify, csr, certificate, encrypt, decrypt, mac, dataKey, batch]],
  ["Establishing keys:", [encapsulate, decapsulate, agree, derive, hpke]],
  ["Moving keys:", [wrap, unwrap, exportCommand, rewrap]],
  ["Who may do what:", [policy, roles, bindings, grants]],
  ["Without a key:", [hash, random]],
  ["Dual control:", [approvals]],
  ["Who may do what:", [scripts]],
  ["Proof:", [audit, sinks, store, selftest]],
  ["This program:", [context, pkcs11, token, completion, man]],
];

/** The command tree. `run` gets the exit status of the body that runs. */
export function createProgram(run: Run): Command {
  const root = addGlobalOptions(new Command("keystead"))
    .description("Keystead, a software HSM: keys that stay in the vault, and a record of every use.")
    .version(VERSION, "--version", "print the version")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => run.shell.stdout.write(text),
      writeErr: (text) => run.shell.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", EXIT_STATUS)
    .addHelpText(
      "after",
      "Examples:\n  $ keystead keys create Ed25519 --id release\n  $ keystead sign release --in app.tar --out app.tar.sig",
    );
  for (const [heading, commands] of REGISTER) {
    root.commandsGroup(heading);
    for (const add of commands) add(root, run);
  }
  return root;
}

/** A form that is not understood is a failure itself, told to people. */
function failureForm(options: GlobalOptions, shell: Shell): OutputForm {
  try {
    return outputForm(options, shell);
  } catch {
    return "table";
  }
}

/** Runs one command line (without `node` and the program's name) and returns its exit status. Never throws. */
export async function runProgram(args: readonly string[], shell: Shell): Promise<number> {
  const run: Run = { shell, exit: 0 };
  const root = createProgram(run);
  try {
    await root.parseAsync(args, { from: "user" });
    return run.exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if ((thrown as NodeJS.ErrnoException).code === "EPIPE") return 0; // the reader of stdout had enough
    const { text, exit } = await reportFailure(thrown, failureForm(root.opts<GlobalOptions>(), shell));
    await write(shell.stderr, text);
    return exit;
  }
}
