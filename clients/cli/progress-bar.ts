/** A progress bar on stderr while a stream passes through; silent unless stderr is a terminal. */
import type { ByteSource } from "@keystead/client/file-encryption";
import type { Shell } from "./shell.ts";

const INTERVAL_MS = 100;
const WIDTH = 30;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` is `1.5 KiB`. */
export function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** One line of the bar; without a known total only the amount and the speed. */
export function progressLine(doneBytes: number, totalBytes: number | undefined, seconds: number): string {
  const speed = seconds > 0 ? `  ${sizeText(doneBytes / seconds)}/s` : "";
  if (totalBytes === undefined || totalBytes === 0) return `${sizeText(doneBytes)}${speed}`;
  const share = Math.min(1, doneBytes / totalBytes);
  const filled = Math.round(share * WIDTH);
  return `[${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)}%  ${sizeText(doneBytes)} of ${sizeText(totalBytes)}${speed}`;
}

/** `source` unchanged, with the bar drawn on the way. */
export async function* withProgress(source: ByteSource, totalBytes: number | undefined, shell: Shell): AsyncGenerator<Uint8Array> {
  if (shell.stderr.isTTY !== true) {
    yield* source;
    return;
  }
  const started = performance.now();
  let done = 0;
  let drawn = 0;
  const draw = () => shell.stderr.write(`\r\x1b[K${progressLine(done, totalBytes, (performance.now() - started) / 1000)}`);
  try {
    for await (const piece of source) {
      yield piece;
      done += piece.byteLength;
      if (performance.now() - drawn >= INTERVAL_MS) {
        drawn = performance.now();
        draw();
      }
    }
    draw();
  } finally {
    shell.stderr.write("\n");
  }
}
