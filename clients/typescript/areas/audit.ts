/** The audit log. */
import type { Ways } from "../operation-ways.ts";

export type SortOrder = "oldest_first" | "newest_first";

export interface GetAuditLogRequest {
  readonly namespace?: string | undefined;
  readonly pageSize?: number | undefined;
  readonly pageToken?: string | undefined;
  readonly keyId?: string | undefined;
  readonly action?: string | undefined;
  readonly order?: SortOrder | undefined;
  /** Events of this time or later, and before this time. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  readonly principal?: string | undefined;
  readonly outcome?: string | undefined;
  readonly decision?: "allow" | "refuse" | "pending" | undefined;
  readonly requestId?: string | undefined;
  readonly approvalId?: string | undefined;
  readonly otherKeyId?: string | undefined;
}

export interface StreamAuditLogRequest {
  readonly namespace?: string | undefined;
  /** Events after this sequence number; 0 = from the first on, left out = from now on. */
  readonly after?: bigint | undefined;
  /** Ends when it has shown what there is. */
  readonly untilNow?: boolean | undefined;
  readonly keyId?: string | undefined;
  readonly action?: string | undefined;
  readonly principal?: string | undefined;
  readonly outcome?: string | undefined;
  readonly decision?: "allow" | "refuse" | "pending" | undefined;
  readonly requestId?: string | undefined;
  readonly approvalId?: string | undefined;
  readonly otherKeyId?: string | undefined;
}

/** What a policy script decided. */
export interface AuditEventScript {
  readonly name: string;
  readonly version: number;
  /** allow, deny, require-approval, or why there was no decision. */
  readonly verdict: string;
  /** Units used; the same whenever the same version is asked the same. */
  readonly fuel: number;
}

export interface AuditEvent {
  readonly sequence: bigint;
  readonly time?: Date;
  readonly namespace: string;
  readonly principal: string;
  readonly authentication: string;
  readonly action: string;
  readonly keyId: string;
  /** A second key that was used; empty for none. */
  readonly otherKeyId: string;
  /** The pending request that this is about, or that this was done after; empty for none. */
  readonly approvalId: string;
  /** The caller's; empty for ceremonies and duties. */
  readonly address: string;
  /** W3C trace id; empty when the caller sent none. */
  readonly traceId: string;
  /** The policy scripts that were asked, in order. */
  readonly scripts: readonly AuditEventScript[];
  readonly version: number;
  readonly requestId: string;
  readonly payloadSha256: string;
  readonly decision: string;
  readonly outcome: string;
  readonly previousHash: string;
  readonly hash: string;
  readonly mac: string;
  /** The event exactly as it stands in the log. */
  readonly canonical: string;
}

export interface GetAuditLogResponse {
  readonly events: readonly AuditEvent[];
  /** Empty at the end; a page with a token may hold fewer events than asked for, or none. */
  readonly nextPageToken: string;
}

/** A signed statement about the whole log. */
export interface AuditCheckpoint {
  /** Events in the tree. */
  readonly size: bigint;
  readonly root: Buffer;
  /** The signed note, with what witnesses added. */
  readonly note: string;
  readonly cosignatures: number;
}

export interface GetAuditCheckpointResponse {
  readonly checkpoint: AuditCheckpoint;
  /** NAME+ID+BASE64 of the key that the log signs with. */
  readonly verifierKey: string;
}

export interface ListAuditCheckpointsRequest {
  /** From the first checkpoint with at least so many events on. */
  readonly fromSize?: number | bigint | undefined;
  readonly pageSize?: number | undefined;
  readonly pageToken?: string | undefined;
}

export interface ListAuditCheckpointsResponse {
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly nextPageToken: string;
  readonly verifierKey: string;
}

export interface ProveAuditEventRequest {
  readonly sequence: number | bigint;
  /** Events of the checkpoint to prove it against; the first that covers the event when left out. */
  readonly size?: number | bigint | undefined;
}

export interface ProveAuditEventResponse {
  readonly sequence: bigint;
  readonly eventHash: Buffer;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: AuditCheckpoint;
  /** All of it as one text (C2SP tlog-proof): `checkReceipt` checks it offline. */
  readonly receipt: string;
  readonly verifierKey: string;
}

export interface ProveAuditConsistencyRequest {
  readonly oldSize: number | bigint;
  /** As the latest checkpoint when left out. */
  readonly size?: number | bigint | undefined;
}

export interface ProveAuditConsistencyResponse {
  readonly oldSize: bigint;
  readonly size: bigint;
  readonly oldRoot: Buffer;
  readonly root: Buffer;
  readonly proof: readonly Uint8Array[];
}

export interface GetAuditEntriesResponse {
  readonly fromSequence: bigint;
  /** SHA-256 of each event's canonical bytes. */
  readonly eventHashes: readonly Uint8Array[];
}

export interface GetAuditTileResponse {
  readonly content: Buffer;
  readonly contentType: string;
  readonly immutable: boolean;
}

/** A segment of the log whose lines do not verify, while all that is behind it does. */
export interface DamagedSegment {
  readonly name: string;
  readonly firstSequence: bigint;
  readonly lastSequence: bigint;
  /** Hash of its last event, hexadecimal. */
  readonly lastHash: string;
  readonly firstBadSequence: bigint;
  readonly reason: string;
  /** Length of the file as it is now; 0 when there is none. */
  readonly bytes: bigint;
  /** Of that file, hexadecimal; empty when it cannot be read. */
  readonly sha256: string;
}

export interface GetAuditBreakResponse {
  readonly integrity: string;
  /** 0 = none is known. */
  readonly firstBadSequence: bigint;
  /** Names the break that can be acknowledged; empty while there is none. */
  readonly digest: string;
  readonly segments: readonly DamagedSegment[];
  /** How many others must approve an acknowledgement. */
  readonly approvals: number;
  readonly steps: readonly string[];
}

export interface AuditOperations {
  getAuditLog(request?: GetAuditLogRequest): Promise<GetAuditLogResponse>;
  getAuditCheckpoint(request?: { readonly size?: number | bigint | undefined }): Promise<GetAuditCheckpointResponse>;
  listAuditCheckpoints(request?: ListAuditCheckpointsRequest): Promise<ListAuditCheckpointsResponse>;
  proveAuditEvent(request: ProveAuditEventRequest): Promise<ProveAuditEventResponse>;
  proveAuditConsistency(request: ProveAuditConsistencyRequest): Promise<ProveAuditConsistencyResponse>;
  getAuditEntries(request: {
    readonly fromSequence: number | bigint;
    readonly limit?: number | undefined;
  }): Promise<GetAuditEntriesResponse>;
  getAuditTile(request: { readonly path: string }): Promise<GetAuditTileResponse>;
  getAuditBreak(): Promise<GetAuditBreakResponse>;
  /** Waits for others' approval: throws APPROVAL_REQUIRED with its id. */
  acknowledgeAuditBreak(request: {
    readonly digest: string;
    readonly reason: string;
  }): Promise<{ readonly segments: readonly DamagedSegment[] }>;
}

export const AUDIT_OPERATIONS: Ways<AuditOperations> = {
  getAuditLog: "GetAuditLog",
  getAuditCheckpoint: "GetAuditCheckpoint",
  listAuditCheckpoints: "ListAuditCheckpoints",
  proveAuditEvent: "ProveAuditEvent",
  proveAuditConsistency: "ProveAuditConsistency",
  getAuditEntries: "GetAuditEntries",
  getAuditTile: "GetAuditTile",
  getAuditBreak: "GetAuditBreak",
  acknowledgeAuditBreak: "AcknowledgeAuditBreak",
};
