/** The `openssl` command, as the stranger that must agree with us. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs openssl with files named in `files` as `{name}` in its arguments. @returns its standard output */
export function openssl(args: readonly string[], files: Readonly<Record<string, Uint8Array | string>> = {}, input?: Uint8Array): Buffer {
  return inFolder(args, files, (resolved) =>
    execFileSync("openssl", resolved, { input: input ?? "", stdio: ["pipe", "pipe", "pipe"], maxBuffer: 1 << 26 }),
  );
}

/** Whether openssl ends with success. */
export const opensslAccepts = (args: readonly string[], files: Readonly<Record<string, Uint8Array | string>> = {}): boolean =>
  inFolder(args, files, (resolved) => spawnSync("openssl", resolved, { stdio: ["ignore", "pipe", "pipe"] }).status === 0);

/** What openssl says on either stream, whatever its exit status (of `req -verify` that is always success). */
export const opensslSays = (args: readonly string[], files: Readonly<Record<string, Uint8Array | string>> = {}): string =>
  inFolder(args, files, (resolved) => {
    const { stdout, stderr } = spawnSync("openssl", resolved, { stdio: ["ignore", "pipe", "pipe"] });
    return `${stdout.toString()}${stderr.toString()}`;
  });

function inFolder<T>(args: readonly string[], files: Readonly<Record<string, Uint8Array | string>>, run: (args: string[]) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "keystead-openssl-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return run(args.map((word) => word.replaceAll(/\{(\w+)\}/g, (_, name: string) => join(folder, name))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** r || s out of a DER signature. */
export function rawSignature(der: Uint8Array, scalarBytes: number): Buffer {
  const listing = openssl(["asn1parse", "-inform", "DER"], {}, der).toString("latin1");
  const numbers = [...listing.matchAll(/INTEGER +:([0-9A-F]+)/g)].map(([, hex]) =>
    Buffer.from((hex as string).padStart(scalarBytes * 2, "0"), "hex"),
  );
  return Buffer.concat(numbers);
}

/** DER out of r || s. */
export function derSignature(raw: Uint8Array): Buffer {
  const integer = (bytes: Uint8Array): Buffer => {
    let from = 0;
    while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
    const rest = bytes.subarray(from);
    const content = (rest[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), rest]) : Buffer.from(rest);
    return Buffer.concat([Uint8Array.of(2, content.length), content]);
  };
  const content = Buffer.concat([integer(raw.subarray(0, raw.length / 2)), integer(raw.subarray(raw.length / 2))]);
  return Buffer.concat([content.length > 127 ? Uint8Array.of(0x30, 0x81, content.length) : Uint8Array.of(0x30, content.length), content]);
}
