/** `keystead init`: writes a configuration to start from and says what is left to do. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { leaf, type Run } from "../command-tree.ts";
import { startingConfig } from "../starting-config.ts";

interface Options {
  readonly out: string;
  readonly folder: string;
  readonly administrator: string;
  readonly force?: boolean;
}

/** One word for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function init(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "init",
    summary: "Write a configuration for a production server and say what is left to do",
    notes: "To try Keystead on this machine no configuration is needed: `npm start` or `keystead dev`.",
    examples: ["keystead init", "keystead init --out /etc/hsm/config.yaml --folder /var/lib/hsm --administrator alice"],
    options: (command) =>
      command
        .option("--out <file>", "configuration file to write", "keystead.yaml")
        .option("--folder <folder>", "where data, keys and certificates are kept", "keystead-data")
        .option("--administrator <name>", "common name of the administrator's client certificate", "admin")
        .option("--force", "replace the file"),
    body: async (context, options) => {
      const { shell } = context;
      const folder = resolve(shell.cwd, options.folder);
      checkTarget(options, shell);
      await writeTarget(options, [Buffer.from(startingConfig({ folder, administrator: options.administrator }), "utf8")], shell);
      const file = quoted(options.out);
      const secrets = `${folder}/unseal`;
      const steps = [
        `make the root secret:          install -d -m 700 ${quoted(secrets)} && (umask 077; head -c 32 /dev/urandom > ${quoted(`${secrets}/master.key`)})`,
        `put the certificates in place: ${folder}/tls/server-cert.pem, server-key.pem, ca-cert.pem`,
        `check the configuration:       keystead config validate --config ${file}`,
        `start the server:              keystead server --config ${file}`,
        "keep a copy of the root secret in a safe place: without it every key is lost",
      ];
      if (options.out === "-") return;
      await context.print(
        { config: resolve(shell.cwd, options.out), folder, nextSteps: steps },
        () => `wrote ${options.out}\nnext:\n${steps.map((step, at) => `  ${at + 1}. ${step}\n`).join("")}`,
      );
    },
  });
}
