/**
 * What the launcher says while the vault is still opening: kept, and handed over in its order once somebody takes it.
 *
 * Opening takes as long as the log is long, and what works meanwhile already asks the launcher for processes. A pipe that nobody took
 * would stay open at both ends without anybody who reads: the other process would wait for ever, and the launcher would think that all
 * is well.
 */

/** A process, as far as it is told something. */
export interface Told {
  on(event: "message", take: Take): unknown;
}

export type Take = (message: { readonly kind: string; readonly part?: string }, handle: unknown) => void;

/** Keeps everything from now on. @returns hands over what was kept, and from then on each message as it comes; to be called once */
export function earlyMessages(source: Told): (take: Take) => void {
  const kept: Parameters<Take>[] = [];
  let taking: Take = (...message) => void kept.push(message);
  source.on("message", (...message) => taking(...message));
  return (take) => {
    taking = take;
    for (const message of kept.splice(0)) take(...message);
  };
}
