/**
 * A method as a transformation of message streams: messages in, messages out. Ends when the client goes away.
 */
import type { Exchange } from "../../transports/exchange.ts";

export type StreamingMethod = (requests: AsyncIterable<Uint8Array>, exchange: Exchange) => AsyncGenerator<Uint8Array>;
