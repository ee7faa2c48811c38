/**
 * Where a socket puts what it reads: straight into the memory of the frame that is being assembled.
 *
 * Node otherwise takes 64 KiB of new memory for every read, and what that costs in garbage collection is more than the
 * reading. To be given to a socket when it is made, and then to its Peer in the same turn of the event loop:
 *
 *     const inlet = new Inlet();
 *     new Peer(new Socket({ fd: 3, readable: true, writable: true, onread: inlet.onread }), { inlet, … });
 */
import type { OnReadOpts } from "node:net";
import { FrameReader } from "./frame.ts";

export class Inlet {
  readonly reader: FrameReader;
  /** Told how many bytes were read. */
  onFilled: ((bytes: number) => void) | undefined;
  readonly onread: OnReadOpts;

  /** @param maxPayloadBytes as of {@link FrameReader} */
  constructor(maxPayloadBytes?: number) {
    this.reader = new FrameReader(maxPayloadBytes);
    this.onread = {
      // Asked before the first read and after each.
      buffer: () => this.reader.room(),
      callback: (bytes) => {
        this.onFilled?.(bytes);
        return true;
      },
    };
  }
}
