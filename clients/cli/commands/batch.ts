/** `keystead batch`: many operations in one request, a result or an error per item. */
import type { Command } from "commander";
import type { BatchResult } from "@keystead/client/shapes";
import { parseBatch } from "../batch-file.ts";
import { readWhole } from "../byte-source.ts";
import { leaf, type Run } from "../command-tree.ts";

/** The errors as the contract's ErrorDetail. */
const jsonResult = (result: BatchResult): unknown =>
  result.error === undefined ? result : { error: { code: result.error.code, number: result.error.number, detail: result.error.detail } };

function row(result: BatchResult, at: number): readonly string[] {
  const [operation, answer] = Object.entries(result)[0] ?? ["", {}];
  const text = (): string => {
    if (result.error !== undefined) return `${result.error.code}: ${result.error.detail}`;
    if (result.verify !== undefined) return result.verify.valid ? "valid" : "INVALID";
    const bytes = Object.values(answer as object).find((value) => value instanceof Uint8Array);
    return bytes === undefined ? "" : bytes.toBase64();
  };
  return [String(at), operation, text()];
}

export function batch(root: Command, run: Run): void {
  leaf(root, run, {
    usage: "batch <file>",
    summary: "Run many operations from a file of JSON or YAML in one request (- is stdin)",
    notes:
      'The file: {"items": [{"sign": {"key_id": "release", "text": "hello"}}, ...]}, or the same as YAML, with sign, verify, encrypt, decrypt,\ngenerate_mac, rewrap_data or sign_digest; bytes in base64. At most 1000 items. Exit status: that of the first item that failed, 1 when only\na signature was invalid.',
    examples: ["keystead batch operations.json --json", "keystead batch operations.yaml --output yaml"],
    body: async (context, _options, [file = ""]) => {
      const items = await parseBatch((await readWhole(file, context.shell)).toString("utf8"));
      const results = await (await context.connect()).batch({ items });
      await context.print({ results: results.map(jsonResult) }, () => context.table(["item", "operation", "result"], results.map(row)));
      return (
        results.find((result) => result.error !== undefined)?.error?.row.exit ??
        (results.some((result) => result.verify?.valid === false) ? 1 : 0)
      );
    },
  });
}
