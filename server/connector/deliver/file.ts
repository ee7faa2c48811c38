/**
 * Files: one line for each event, in the one folder that the configuration names for it.
 *
 * A write returns when its bytes are on the disk (O_DSYNC; Node has no fsync under its permission model), and what a crash tore
 * is cut when the file is opened again: the vault sends those events once more. A file that is long enough becomes `.1`, that one
 * `.2` and so on; the last is removed.
 */
import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Delivered } from "@keystead/channel/deliver-call";
import { SinkFormat, type FileTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import type { SinkEvent } from "./event.ts";
import { FORMATS } from "./formats/format.ts";
import { UnusableTarget, type OpenSink } from "./sink.ts";

const DEFAULT_BYTES = 100 * 1024 * 1024;
const DEFAULT_FILES = 10;
/** Others of the group may read: whoever ships logs. */
const MODE = 0o640;
const LOOK_BACK_BYTES = 65_536;

export const fileSink: OpenSink<FileTarget> = (target, _secrets, { filesDir, source }) => {
  if (filesDir === undefined) throw new UnusableTarget("sinks.files_dir is not configured");
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[a-z]{1,8})?$/.test(target.file)) throw new UnusableTarget("file is no name of a file");
  const format = FORMATS[target.format === SinkFormat.UNSPECIFIED ? SinkFormat.RAW : target.format];
  if (format === undefined) throw new UnusableTarget("format is none that files have");
  const path = join(filesDir, target.file);
  const maxBytes = Number(target.maxBytes) || DEFAULT_BYTES;
  const maxFiles = target.maxFiles || DEFAULT_FILES;
  let file: Promise<Lines> | undefined;

  const write = async (events: readonly SinkEvent[]): Promise<void> => {
    const bytes = Buffer.from(events.map((event) => `${format.text(event, source)}\n`).join(""), "utf8");
    file ??= Lines.open(path);
    let lines = await file;
    if (lines.bytes > 0 && lines.bytes + bytes.length > maxBytes) {
      await lines.close();
      await rotate(path, maxFiles);
      file = Lines.open(path);
      lines = await file;
    }
    await lines.append(bytes);
  };

  return {
    async deliver(events): Promise<Delivered> {
      try {
        await write(events);
        return { delivered: events.length };
      } catch (error) {
        // Opened again with the next attempt, which cuts what was written halfway.
        const broken = file;
        file = undefined;
        await broken?.then((lines) => lines.close()).catch(() => undefined);
        return {
          delivered: 0,
          failure: { kind: "unavailable", reason: (error as NodeJS.ErrnoException).code ?? "the file cannot be written" },
        };
      }
    },
    close: () => void file?.then((lines) => lines.close()).catch(() => undefined),
  };
};

/** A file of whole lines. */
class Lines {
  readonly #handle: FileHandle;
  bytes: number;

  private constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle;
    this.bytes = bytes;
  }

  /** Opens a file, making it if it is not there, and cuts it after its last newline. */
  static async open(path: string): Promise<Lines> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC | constants.O_NOFOLLOW, MODE);
    try {
      const { size } = await handle.stat();
      const end = await endOfLines(handle, size);
      if (end < size) await handle.truncate(end);
      return new Lines(handle, end);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async append(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;)
      done += (await this.#handle.write(bytes, done, bytes.length - done, this.bytes + done)).bytesWritten;
    this.bytes += bytes.length;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function endOfLines(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(LOOK_BACK_BYTES);
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - chunk.length);
    const { bytesRead } = await handle.read(chunk, 0, end - from, from);
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(10);
    if (newline !== -1) return from + newline + 1;
    end = from;
  }
  return 0;
}

async function rotate(path: string, keep: number): Promise<void> {
  await rm(`${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 0; number -= 1)
    await rename(number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
}
