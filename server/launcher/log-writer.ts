/**
 * Where log lines end up: the console, a file that rotates, or both.
 *
 * Parts write JSON lines; this file owns the log files, so that no part needs permission to write any. Lines are
 * queued and written asynchronously; {@link LogWriter.flush} waits for the last one.
 */
import { createWriteStream, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, type WriteStream } from "node:fs";
import { dirname } from "node:path";

/** `logging` of the effective configuration, and the product's version. */
export interface LoggingConfig {
  readonly level: string;
  readonly format: "json" | "pretty";
  readonly output: "console" | "file" | "both";
  readonly filePath: string;
  readonly maxFileSizeBytes: number;
  readonly maxBackupFiles: number;
  readonly version: string;
}

/** How grave a record is; what is below the configured level is not written. */
const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error"];

const COLOURS: Readonly<Record<string, string>> = {
  trace: "\u001b[90m",
  debug: "\u001b[36m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};

/** A line for people: time, level, part, message, then every other field as name=value. */
export function prettyLine(line: string, colours: boolean): string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  if (record === null || typeof record !== "object" || Array.isArray(record)) return line;
  const { time, level, part, message, version: _version, ...fields } = record as Record<string, unknown>;
  const name = plain(String(level)).toUpperCase().padEnd(5);
  const shown = colours ? `${COLOURS[String(level)] ?? ""}${name}\u001b[0m` : name;
  const rest = Object.entries(fields)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
    .join("");
  return `${plain(String(time)).slice(11, 23)} ${shown} ${plain(String(part)).padEnd(8)} ${plain(String(message) + rest)}`;
}

/** Control characters by their code: a message must not move the cursor or begin a line of its own. */
const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);

export class LogWriter {
  readonly #config: LoggingConfig;
  #file: WriteStream | undefined;
  #bytes = 0;
  /** Files that were rotated away and have lines to write. */
  readonly #ending = new Set<Promise<void>>();

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
    this.#file?.write(`${line}\n`);
    this.#bytes += bytes;
  }

  /** Writes a record of the launcher's own making, unless it is below the level. */
  say(part: string, level: string, message: string, fields: Readonly<Record<string, string | number>> = {}): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#config.level)) return;
    this.write(JSON.stringify({ time: new Date().toISOString(), level, version: this.#config.version, part, message, ...fields }));
  }

  /** Resolves when every line taken so far is written. */
  async flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.write("", () => resolve());
    await promise;
    this.#end();
    await Promise.all(this.#ending);
  }

  #end(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const ended = new Promise<void>((done) => {
      file.once("close", () => done());
      file.end();
    });
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
  }

  /** Opened at once: a stream that opens later would follow the name to another file when the next rotation is near. */
  #open(): void {
    const failed = (error: unknown): boolean =>
      process.stderr.write(`keystead: the log file cannot be written: ${(error as Error).message}\n`);
    try {
      const fd = openSync(this.#config.filePath, "a", 0o640);
      this.#bytes = fstatSync(fd).size;
      this.#file = createWriteStream(this.#config.filePath, { fd });
      this.#file.on("error", failed);
    } catch (error) {
      failed(error);
    }
  }

  /** hsm.log becomes hsm.log.1, that hsm.log.2, and so on; the oldest goes. */
  #rotate(): void {
    this.#end();
    const { filePath, maxBackupFiles } = this.#config;
    if (maxBackupFiles === 0) rmSync(filePath, { force: true });
    for (let number = maxBackupFiles; number >= 1; number -= 1) {
      const from = number === 1 ? filePath : `${filePath}.${number - 1}`;
      if (existsSync(from)) renameSync(from, `${filePath}.${number}`);
    }
    this.#open();
  }
}
