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
  readonly nextPageToken: string;
}

export interface AuditOperations {
  getAuditLog(request?: GetAuditLogRequest): Promise<GetAuditLogResponse>;
}

export const AUDIT_OPERATIONS: Ways<AuditOperations> = {
  getAuditLog: "GetAuditLog",
};
