/**
 * The optional hardware random source: read at start and once a minute, mixed into what this process draws itself.
 *
 * The vault may open no device: the launcher did, and handed over a descriptor. What is read is mixed in by
 * lib/crypto/random.ts and never used alone. A source that was asked for and gives nothing, or fails its health test,
 * is a failed self-test at the start and whenever it happens later.
 *
 * @see NIST SP 800-90B §4.4
 */
import { read } from "node:fs";
import { HsmError } from "@keystead/contract/errors";
import { HARDWARE_BYTES, random, type RandomSource } from "@keystead/crypto/random";
import { secretBuffer } from "@keystead/crypto/wipe";

const EVERY_MS = 60_000;

/** Reads the source once and mixes it in. @throws {HsmError} SELF_TEST_FAILED */
export async function mixHardware(descriptor: number, into: RandomSource = random): Promise<void> {
  const bytes = secretBuffer(HARDWARE_BYTES);
  for (let filled = 0; filled < bytes.length;) {
    const got = await new Promise<number>((resolve, reject) =>
      read(descriptor, bytes, filled, bytes.length - filled, null, (error, count) => (error === null ? resolve(count) : reject(error))),
    ).catch((cause: unknown) => {
      throw new HsmError("SELF_TEST_FAILED", "the hardware random source cannot be read", { cause });
    });
    if (got === 0) throw new HsmError("SELF_TEST_FAILED", "the hardware random source gives nothing");
    filled += got;
  }
  into.mix(bytes);
}

/** Mixes at regular times from now on. */
export function keepMixing(descriptor: number, failed: (error: HsmError) => void): void {
  const timer = setInterval(() => {
    mixHardware(descriptor).catch((error: unknown) => {
      clearInterval(timer);
      failed(error as HsmError);
    });
  }, EVERY_MS);
  timer.unref();
}
