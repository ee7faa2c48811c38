/**
 * `keystead audit checkpoint|prove|consistency|entries|tile|receipt verify`: what the audit log proves about itself, and checking it
 * without any server.
 */
import { hash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkReceipt, parseVerifierKey, provesConsistency, type VerifierKey } from "@keystead/client/audit-proofs";
import { HsmError } from "@keystead/client/names";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sizeOf = wholeNumber("events", 1, Number.MAX_SAFE_INTEGER);
const sequenceOf = wholeNumber("sequence", 1, Number.MAX_SAFE_INTEGER);

function checkpoint(parent: Command, run: Run): void {
  leaf<{ readonly key?: boolean }>(parent, run, {
    usage: "checkpoint [events]",
    summary: "Print a checkpoint of the audit log: the latest, or the first with so many events",
    notes:
      "With --key the public key that checkpoints are signed by is printed instead. Keep both elsewhere: they are what others hold the log to.",
    examples: ["keystead audit checkpoint > today.checkpoint", "keystead audit checkpoint --key > log.key"],
    options: (command) => command.option("--key", "print the verifier key (NAME+ID+BASE64)"),
    body: async (context, { key }, [events]) => {
      const keystead = await context.connect();
      if (key === true) {
        const { verifierKey } = await keystead.listAuditCheckpoints({ pageSize: 1 });
        return context.print({ verifierKey }, () => `${verifierKey}\n`);
      }
      const found = await keystead.getAuditCheckpoint(events === undefined ? {} : { size: sizeOf(events) });
      return context.print(found, () => found.checkpoint.note);
    },
  });
}

function prove(parent: Command, run: Run): void {
  leaf<{ readonly out?: string; readonly size?: number; readonly hash?: string }>(parent, run, {
    usage: "prove <sequence>",
    summary: "Get a receipt: the proof that an event is in the audit log",
    notes: "The receipt can be checked with `keystead audit receipt verify` and the log's public key, without any server.",
    examples: ["keystead audit prove 4711 --out 4711.tlog-proof", "keystead audit prove 4711 --hash $(cut -d' ' -f2 receipts) --size 5000"],
    options: (command) =>
      command
        .option("--out <file>", "write the receipt to a file")
        .option("--hash <hex>", "which event it must be, as `--audit-receipts` wrote it")
        .option("--size <events>", "against the checkpoint of so many events; without it the first that covers the event", sizeOf),
    body: async (context, { out, size, hash: wanted }, [sequence = ""]) => {
      if (wanted !== undefined && !/^[0-9a-f]{64}$/.test(wanted)) throw usageError("--hash: 64 hexadecimal digits are wanted");
      const proven = await (await context.connect()).proveAuditEvent({ sequence: sequenceOf(sequence), size });
      const { entry } = checkReceipt(proven.receipt, [parseVerifierKey(proven.verifierKey)]);
      if (wanted !== undefined && hex(entry) !== wanted)
        throw new HsmError("INTEGRITY_FAILURE", `event ${sequence} of the log is another one: its hash is ${hex(entry)}`);
      if (out !== undefined) writeFileSync(resolve(context.shell.cwd, out), proven.receipt);
      await context.print(proven, () => (out === undefined ? proven.receipt : ""));
    },
  });
}

function consistency(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "consistency <events> [events]",
    summary: "Check that the audit log with more events continues the one with fewer",
    examples: ["keystead audit consistency 1000", "keystead audit consistency 1000 5000 --json"],
    body: async (context, _options, [old = "", now]) => {
      const keystead = await context.connect();
      const proven = await keystead.proveAuditConsistency({ oldSize: sizeOf(old), ...(now === undefined ? {} : { size: sizeOf(now) }) });
      const { oldSize, size, oldRoot, root, proof } = proven;
      if (!provesConsistency(Number(oldSize), Number(size), oldRoot, root, proof))
        throw new HsmError("INTEGRITY_FAILURE", "the server's proof does not hold");
      await context.print(proven, () =>
        context.facts([
          ["events", `${oldSize} to ${size}: nothing was changed or taken away`],
          ["older root", Buffer.from(oldRoot).toString("base64")],
          ["newer root", Buffer.from(root).toString("base64")],
        ]),
      );
    },
  });
}

function entries(parent: Command, run: Run): void {
  leaf<{ readonly limit: number }>(parent, run, {
    usage: "entries <sequence>",
    summary: "Print hashes of events, as they are entries of the log's tree",
    examples: ["keystead audit entries 1 --limit 10"],
    options: (command) => command.option("--limit <number>", "how many", wholeNumber("--limit", 1, 1000), 256),
    body: async (context, { limit }, [sequence = ""]) => {
      const { fromSequence, eventHashes } = await (await context.connect()).getAuditEntries({ fromSequence: sequenceOf(sequence), limit });
      const rows = eventHashes.map((found, at) => ({ sequence: fromSequence + BigInt(at), hash: hex(found) }));
      await context.print({ entries: rows }, () =>
        context.table(
          ["sequence", "hash"],
          rows.map((row) => [String(row.sequence), row.hash]),
        ),
      );
    },
  });
}

function tile(parent: Command, run: Run): void {
  leaf<{ readonly out: string }>(parent, run, {
    usage: "tile <path>",
    summary: "Save a file of the log in the layout of C2SP tlog-tiles",
    examples: ["keystead audit tile tile/0/000 --out 000", "keystead audit tile tile/entries/001.p/17 --out 001"],
    options: (command) => command.requiredOption("--out <file>", "where to"),
    body: async (context, { out }, [path = ""]) => {
      const { content, contentType } = await (await context.connect()).getAuditTile({ path });
      writeFileSync(resolve(context.shell.cwd, out), content);
      await context.print({ path, contentType, bytes: content.length }, () => "");
    },
  });
}

/** A key as it stands on the command line, or the first line of a file. */
function keyFrom(context: Context, given: string): VerifierKey {
  if (/\+[0-9a-f]{8}\+/.test(given)) return parseVerifierKey(given);
  return parseVerifierKey(textOf(context, given, "--key").split("\n")[0] as string);
}

function textOf(context: Context, path: string, what: string): string {
  try {
    return readFileSync(resolve(context.shell.cwd, path), "utf8");
  } catch (cause) {
    throw usageError(`${what}: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`);
  }
}

function verifyReceipt(parent: Command, run: Run): void {
  leaf<{ readonly key: readonly string[]; readonly event?: string }>(parent, run, {
    usage: "verify <file>",
    summary: "Check a receipt by the log's public key, without any server",
    notes:
      "--key is the key itself or a file with it (`keystead audit checkpoint --key`); further ones are of witnesses that must have cosigned.\nWith --event the receipt must be about that event, as the member `canonical` of an audit event or a line of the log has it.\nEnds with 0 when the receipt holds.",
    examples: ["keystead audit receipt verify 4711.tlog-proof --key log.key"],
    options: (command) =>
      command
        .requiredOption("--key <key>", "the log's public key, or a file with it; may be given several times", collect)
        .option("--event <file>", "the event, canonical JSON"),
    body: async (context, { key, event }, [file = ""]) => {
      const keys = key.map((given) => keyFrom(context, given));
      const { entry, index, checkpoint: signed, witnessed } = checkReceipt(textOf(context, file, "the receipt"), keys);
      if (event !== undefined && hash("sha256", textOf(context, event, "--event").replace(/\n$/, ""), "hex") !== hex(entry))
        throw new HsmError("INTEGRITY_FAILURE", "the receipt is about another event");
      const report = { sequence: index + 1, eventHash: hex(entry), origin: signed.origin, size: signed.size, witnessed };
      await context.print(report, () =>
        [
          `Proven: event ${report.sequence}, hash ${report.eventHash},\nis in the log ${report.origin} of ${report.size} events.\n`,
          ...witnessed.map(({ name, seconds }) => `Seen by ${name} at ${new Date(seconds * 1000).toISOString()}.\n`),
        ].join(""),
      );
    },
  });
}

export function auditProofs(parent: Command, run: Run): void {
  checkpoint(parent, run);
  prove(parent, run);
  consistency(parent, run);
  entries(parent, run);
  tile(parent, run);
  verifyReceipt(group(parent, "receipt", "Check receipts of the audit log offline"), run);
}
