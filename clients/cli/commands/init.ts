/** `keystead init`: writes a configuration to start from and says what is left to do. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkPolicy } from "@keystead/client/names";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { readAdministrators, requireTwo } from "../administrators.ts";
import { collect, leaf, type Run } from "../command-tree.ts";
import { documentText } from "../policy-text.ts";
import { usageError } from "../usage-error.ts";
import { startingConfig } from "../starting-config.ts";

interface Options {
  readonly out: string;
  readonly folder: string;
  readonly dataDir?: string;
  readonly administrator?: readonly string[];
  readonly dualControl?: boolean;
  readonly policy?: string;
  readonly force?: boolean;
}

/** One word for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function init(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "init",
    summary: "Write a configuration for a production server and say what is left to do",
    notes:
      "An administrator is NAME, or NAME:FILE with her client certificate (PEM) or the public key (PEM) she signs approvals with;\ngive the option once for each. With --dual-control what matters needs a second administrator, so it takes two people or more.\nTo try Keystead on this machine no configuration is needed: `npm start` or `keystead dev`.",
    examples: [
      "keystead init",
      "keystead init --out /etc/hsm/config.yaml --folder /var/lib/hsm --administrator alice",
      "keystead init --policy policy.json",
      "keystead init --dual-control --administrator alice:alice.crt --administrator alice:alice-approver.pub --administrator bob:bob.crt --administrator bob:bob-approver.pub",
    ],
    options: (command) =>
      command
        .option("--out <file>", "configuration file to write", "keystead.yaml")
        .option("--folder <folder>", "where data, keys and certificates are kept", "keystead-data")
        .option("--data-dir <folder>", "where the vault keeps its data (default: data in --folder)")
        .option("--administrator <name[:file]>", "a first administrator (default: admin, by common name)", collect)
        .option("--dual-control", "have a second administrator agree to what matters")
        .option("--policy <file>", "policy document that is in force from the first unseal on (- = stdin)")
        .option("--force", "replace the files"),
    body: async (context, options) => {
      const { shell } = context;
      const folder = resolve(shell.cwd, options.folder);
      const dataDir = options.dataDir === undefined ? `${folder}/data` : resolve(shell.cwd, options.dataDir);
      const dualControl = options.dualControl === true;
      const administrators = readAdministrators(options.administrator ?? ["admin"], shell.cwd);
      if (dualControl) requireTwo(administrators);
      const policy = await documentText(options.policy, shell);
      if (policy !== undefined) {
        if (options.out === "-") throw usageError("--policy is kept beside the configuration file, so --out must name a file");
        checkPolicy(policy);
      }
      // In the configuration's folder, under its name.
      const policyPath = policy === undefined ? undefined : `${resolve(shell.cwd, options.out)}.first-policy.json`;
      const kept = { ...options, out: policyPath };
      checkTarget(options, shell);
      if (policy !== undefined) {
        checkTarget(kept, shell);
        // First: a configuration never names a policy that is not there.
        await writeTarget(kept, [Buffer.from(policy, "utf8")], shell);
      }
      const text = startingConfig({ folder, dataDir, administrators, dualControl, policyPath });
      await writeTarget(options, [Buffer.from(text, "utf8")], shell);
      const file = quoted(options.out);
      const secrets = `${folder}/unseal`;
      const steps = [
        `make the root secret:          install -d -m 700 ${quoted(secrets)} && (umask 077; head -c 32 /dev/urandom > ${quoted(`${secrets}/master.key`)})`,
        `put the certificates in place: ${folder}/tls/server-cert.pem, server-key.pem, ca-cert.pem`,
        `check the configuration:       keystead config validate --config ${file}`,
        `start the server:              keystead server --config ${file}`,
        ...(policyPath === undefined
          ? []
          : [
              `the first policy:              ${policyPath} is in force from the first unseal on, and is not read again afterwards`,
              ...(dualControl
                ? [
                    `change the policy later:       keystead policy set FILE; it takes two of the administrators named here: ${administrators.map(({ name }) => name).join(", ")}`,
                  ]
                : []),
            ]),
        "keep a copy of the root secret in a safe place: without it every key is lost",
      ];
      if (options.out === "-") return;
      await context.print(
        { config: resolve(shell.cwd, options.out), folder, ...(policyPath === undefined ? {} : { policy: policyPath }), nextSteps: steps },
        () => `wrote ${options.out}\nnext:\n${steps.map((step, at) => `  ${at + 1}. ${step}\n`).join("")}`,
      );
    },
  });
}
