/** `keystead csr`: a certification request for a key. */
import type { Command } from "commander";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { leaf, type Run } from "../command-tree.ts";
import { x509Fields, x509Options, type X509Options } from "./x509-options.ts";

export function csr(root: Command, run: Run): void {
  leaf<X509Options>(root, run, {
    usage: "csr <key>",
    summary: "Ask an authority for a certificate: a PKCS#10 request, signed by the key",
    examples: ["keystead csr api --subject CN=api.example.com,O=Example --dns api.example.com --out api.csr"],
    options: x509Options,
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const answer = await (await context.connect()).generateCsr({ keyId, ...x509Fields(options) });
      if (options.out !== undefined) await writeTarget(options, [Buffer.from(answer.csr, "utf8")], context.shell);
      if (options.out === undefined || (context.form !== "table" && options.out !== "-")) await context.print(answer, () => answer.csr);
    },
  });
}
