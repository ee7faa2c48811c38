/**
 * Reads a request body into one buffer, within a limit.
 */
import type { Readable } from "node:stream";
import { HsmError } from "@keystead/contract/errors";

/**
 * @param announced value of content-length, when there was one
 * @throws {HsmError} REQUEST_TOO_LARGE, CANCELLED
 */
export function collectBody(stream: Readable, announced: number | undefined, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => {
      stream.removeAllListeners("data");
      // The rest is read and dropped, so that the answer can still reach the client.
      stream.resume();
      reject(new HsmError("REQUEST_TOO_LARGE", `the body must have at most ${limitBytes} bytes`));
    };
    if (announced !== undefined && announced > limitBytes) return tooLarge();
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) return tooLarge();
      if (first === undefined) first = chunk;
      else (rest ??= []).push(chunk);
    });
    stream.once("end", () => {
      if (first === undefined) return resolve(Buffer.alloc(0));
      if (rest === undefined) return resolve(first);
      const whole = Buffer.allocUnsafeSlow(bytes);
      let at = 0;
      for (const chunk of [first, ...rest]) {
        at += chunk.copy(whole, at);
        chunk.fill(0);
      }
      resolve(whole);
    });
    const gone = (): void => reject(new HsmError("CANCELLED", "the client went away"));
    stream.once("aborted", gone);
    stream.once("error", gone);
    stream.once("close", gone);
  });
}
