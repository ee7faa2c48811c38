/**
 * Where log lines end up: the console, a file that rotates, or both.
 *
 * Parts write JSON lines; this file owns the log files, so that no part needs permission to write any. Lines are
 * queued and written asynchronously; {@link LogWriter.flush} waits for the last one.
 */
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync, type WriteStream } from "node:fs";
import { dirname } from "node:path";

/** `logging` of the effective configuration. */
export interface LoggingConfig {
  readonly level: string;
  readonly format: "json" | "pretty";
  readonly output: "console" | "file" | "both";
  readonly filePath: string;
  readonly maxFileSizeBytes: number;
  readonly maxBackupFiles: number;
}

const COLOURS: Readonly<Record<string, string>> = { trace: "\u001b[90m", debug: "\u001b[36m", info: "\u001b[32m", warn: "\u001b[33m", error: "\u001b[31m" };

/** A line for people: time, level, part, message, then every other field as name=value. */
export function prettyLine(line: string, colours: boolean): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { time, level, part, message, version: _version, ...fields } = record;
  const name = String(level).toUpperCase().padEnd(5);
  const shown = colours ? `${COLOURS[String(level)] ?? ""}${name}\u001b[0m` : name;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`).join("");
  return `${String(time).slice(11, 23)} ${shown} ${String(part).padEnd(8)} ${String(message)}${rest}`;
}

export class LogWriter {
  readonly #config: LoggingConfig;
  #file: WriteStream | undefined;
  #bytes = 0;

  constructor(config: LoggingConfig) {
    this.#config = config;
    if (config.output === "console") return;
    mkdirSync(dirname(config.filePath), { recursive: true, mode: 0o750 });
    this.#open();
  }

  /** Takes one JSON line without newline. */
  write(line: string): void {
    const { format, output } = this.#config;
    if (output !== "file") process.stdout.write(`${format === "pretty" ? prettyLine(line, process.stdout.isTTY === true) : line}\n`);
    if (this.#file === undefined) return;
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#bytes + bytes > this.#config.maxFileSizeBytes && this.#bytes > 0) this.#rotate();
    this.#file.write(`${line}\n`);
    this.#bytes += bytes;
  }

  /** Resolves when every line taken so far is written. */
  async flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.write("", () => resolve());
    await promise;
    const file = this.#file;
    if (file !== undefined) await new Promise<void>((done) => file.end(() => done()));
    this.#file = undefined;
  }

  #open(): void {
    this.#file = createWriteStream(this.#config.filePath, { flags: "a", mode: 0o640 });
    this.#file.on("error", (error) => process.stderr.write(`keystead: the log file cannot be written: ${error.message}\n`));
    this.#bytes = existsSync(this.#config.filePath) ? statSync(this.#config.filePath).size : 0;
  }

  /** hsm.log becomes hsm.log.1, that hsm.log.2, and so on; the oldest goes. */
  #rotate(): void {
    this.#file?.end();
    const { filePath, maxBackupFiles } = this.#config;
    if (maxBackupFiles === 0) rmSync(filePath, { force: true });
    for (let number = maxBackupFiles; number >= 1; number -= 1) {
      const from = number === 1 ? filePath : `${filePath}.${number - 1}`;
      if (existsSync(from)) renameSync(from, `${filePath}.${number}`);
    }
    this.#open();
    this.#bytes = 0;
  }
}
