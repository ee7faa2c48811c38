/**
 * What the bench and its load generator say to each other, over node's IPC.
 */

/** One kind of load. Buffers travel as such (advanced serialization). */
export interface Job {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly protocol: "grpc" | "connect" | "rest";
  readonly path: string;
  /** Message bytes: protobuf without prefix for grpc and connect, JSON for rest. */
  readonly body: Uint8Array;
  readonly inFlight: number;
  /** Every call is refused; one that is not ends the generator. */
  readonly refused?: boolean;
}

export type Order =
  /** Connects, makes one call and returns its reply. */
  | { readonly kind: "open"; readonly name: string; readonly job: Job }
  /** Runs a job without measuring until it is stopped. */
  | { readonly kind: "run"; readonly name: string }
  | { readonly kind: "stop"; readonly name: string }
  /** Runs `rampMs`, then measures `windowMs`, then lets everything finish. */
  | { readonly kind: "window"; readonly name: string; readonly rampMs: number; readonly windowMs: number }
  | { readonly kind: "close"; readonly name: string }
  | { readonly kind: "end" };

export interface WindowResult {
  readonly calls: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export type Report =
  | { readonly kind: "done"; readonly reply?: Uint8Array; readonly window?: WindowResult; readonly refused?: number }
  | { readonly kind: "mark"; readonly at: "begin" | "end" };
