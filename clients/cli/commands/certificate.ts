/** `keystead certificate`: a certificate signed by a key, for itself or for another key. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { x509Fields, x509Options, type X509Options } from "./x509-options.ts";

interface Options extends X509Options {
  readonly for?: string;
  readonly issuer?: string;
  readonly issuerCertificate?: string;
  readonly days: number;
}

export function certificate(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "certificate <key>",
    summary: "Make an X.509 certificate, self-signed or for another key",
    examples: [
      "keystead certificate root --subject CN=Root,O=Example --authority --key-usage key_cert_sign --days 3650 --out root.pem",
      "keystead certificate root --for api --issuer-certificate root.pem --subject CN=api.example.com --dns api.example.com --out api.pem",
    ],
    options: (command) =>
      x509Options(command)
        .option("--for <key>", "the key that is certified (default: the signing key itself)")
        .option("--issuer <name>", "with --for: the signing key's own name, when its certificate was made here")
        .option("--issuer-certificate <file>", "with --for: the signing key's certificate, whoever made it")
        .option("--days <number>", "how long it is valid, from now on", wholeNumber("--days", 1, 36_500), 365),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const answer = await (
        await context.connect()
      ).generateCertificate({
        keyId,
        ...x509Fields(options),
        subjectKeyId: options.for,
        issuer: options.issuer,
        issuerCertificate:
          options.issuerCertificate === undefined ? undefined : readFileSync(resolve(context.shell.cwd, options.issuerCertificate), "utf8"),
        validityDays: options.days,
      });
      if (options.out !== undefined) await writeTarget(options, [Buffer.from(answer.certificate, "utf8")], context.shell);
      if (options.out === undefined || (context.form !== "table" && options.out !== "-"))
        await context.print(answer, () => answer.certificate);
    },
  });
}
