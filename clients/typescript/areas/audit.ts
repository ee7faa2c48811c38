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

export interface AuditOperations {
  getAuditLog(request?: GetAuditLogRequest): Promise<GetAuditLogResponse>;
}

export const AUDIT_OPERATIONS: Ways<AuditOperations> = {
  getAuditLog: "GetAuditLog",
};
