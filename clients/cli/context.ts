/** What a command's body works with: the shell, the options every command has, the server, and the two ways to print. */
import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Keystead, KeysteadOptions } from "@keystead/client/client";
import type { GlobalOptions } from "./global-options.ts";
import { documentText, outputForm, type OutputForm } from "./output-form.ts";
import { resolveSettings } from "./settings.ts";
import { write, type Shell } from "./shell.ts";
import { sessionPath, sessionTokens } from "./stored-session.ts";
import { usageError } from "./usage-error.ts";
import { colours, renderFacts, renderTable } from "./table.ts";

export interface Context {
  readonly shell: Shell;
  readonly options: GlobalOptions;
  /** The client; made at the first call and closed when the command is done. `extra` settings win over the options. */
  connect(extra?: Partial<KeysteadOptions>): Promise<Keystead>;
  /** What the result is printed as. */
  readonly form: OutputForm;
  /** Prints `value` as a document where one was asked for, and what `forPeople` says otherwise. */
  print(value: unknown, forPeople: () => string): Promise<void>;
  table(heading: readonly string[], rows: readonly (readonly string[])[]): string;
  facts(facts: readonly (readonly [name: string, value: string])[]): string;
  /** A remark on stderr; never part of the result. */
  note(text: string): Promise<void>;
}

/** Where `--audit-receipts` writes; a file that cannot be written to is found out before anything is asked. */
function receiptsTo({ auditReceipts }: GlobalOptions, { cwd }: Shell): Pick<KeysteadOptions, "onReceipt"> {
  if (auditReceipts === undefined) return {};
  const append = (line: string): void => {
    try {
      appendFileSync(resolve(cwd, auditReceipts), line);
    } catch (cause) {
      throw usageError(`--audit-receipts: cannot write ${auditReceipts} (${(cause as NodeJS.ErrnoException).code})`);
    }
  };
  append("");
  return { onReceipt: ({ sequence, eventHash, operation }) => append(`${sequence} ${eventHash} ${operation}\n`) };
}

/** The settings, with the stored session's token where no other was given. */
function withSession(options: GlobalOptions, shell: Shell): KeysteadOptions {
  const settings = { ...resolveSettings(options, shell), ...receiptsTo(options, shell) };
  if (settings.token !== undefined) return settings;
  const tokenProvider = sessionTokens(sessionPath(options, shell), settings, (other) => shell.createClient(other));
  return tokenProvider === undefined ? settings : { ...settings, tokenProvider };
}

/** Runs `body` with a context and closes the connection afterwards, whatever happened. */
export async function withContext<T>(shell: Shell, options: GlobalOptions, body: (context: Context) => Promise<T>): Promise<T> {
  let client: Promise<Keystead> | undefined;
  const colour = colours(shell, shell.stdout);
  const form = outputForm(options, shell);
  try {
    return await body({
      shell,
      options,
      connect: (extra) => (client ??= Promise.try(() => shell.createClient({ ...withSession(options, shell), ...extra }))),
      form,
      print: async (value, forPeople) => write(shell.stdout, form === "table" ? forPeople() : await documentText(value, form)),
      table: (heading, rows) => renderTable(heading, rows, colour),
      facts: (facts) => renderFacts(facts, colour),
      note: (text) => write(shell.stderr, `${text}\n`),
    });
  } finally {
    (await client?.catch(() => undefined))?.close();
  }
}
