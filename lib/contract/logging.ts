/**
 * Structured log records: one JSON object per line, with the product's version on each.
 *
 * Opens nothing: lines go to the writer it is given (the launcher collects them and owns files and rotation).
 * Fields are plain strings, numbers and booleans chosen by the caller; errors are reduced to name, code and stack
 * frames. There is no way to log a request or a buffer, so a secret cannot get here by accident.
 */
import { HsmError } from "./errors.ts";
import type { LogLevel } from "./config.ts";

const LEVELS: Readonly<Record<LogLevel, number>> = Object.freeze({ trace: 10, debug: 20, info: 30, warn: 40, error: 50 });

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** @param cause reduced by {@link describeError}: its message is kept only for HsmError. */
  error(message: string, fields?: LogFields, cause?: unknown): void;
  readonly level: LogLevel;
}

/** What may be said of any thrown value without repeating data it may quote. */
export function describeError(thrown: unknown): LogFields {
  if (thrown instanceof HsmError) {
    const inner = thrown.cause === undefined ? {} : { cause: String((thrown.cause as Error)?.message ?? thrown.cause).slice(0, 500) };
    return { error: thrown.code, detail: thrown.detail, ...inner };
  }
  if (thrown instanceof Error) {
    const frames = (thrown.stack ?? "")
      .split("\n")
      .filter((line) => line.startsWith("    at "))
      .slice(0, 6)
      .map((line) => line.trim())
      .join(" | ");
    const code = (thrown as NodeJS.ErrnoException).code;
    return { error: thrown.name, ...(code === undefined ? {} : { code }), detail: thrown.message.slice(0, 500), frames };
  }
  return { error: typeof thrown };
}

/**
 * A logger for one part of the server.
 *
 * @param write takes one line, newline included
 * @example
 * const log = createLogger({ part: "gateway", version: "0.1.0", level: "info", write: (line) => process.stdout.write(line) });
 */
export function createLogger(options: {
  readonly part: string;
  readonly version: string;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
}): Logger {
  const threshold = LEVELS[options.level];
  const emit = (level: LogLevel, message: string, fields: LogFields | undefined): void => {
    if (LEVELS[level] < threshold) return;
    options.write(
      `${JSON.stringify({ time: new Date().toISOString(), level, version: options.version, part: options.part, message, ...fields })}\n`,
    );
  };
  return {
    level: options.level,
    trace: (message, fields) => emit("trace", message, fields),
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields, cause) => emit("error", message, cause === undefined ? fields : { ...fields, ...describeError(cause) }),
  };
}
