/** Namespaces and budgets. */
import type { Ways } from "../operation-ways.ts";

export interface Namespace {
  readonly namespace: string;
  readonly description: string;
  readonly createdAt?: Date;
  /** 0 = no limit. */
  readonly maxKeys: number;
  /** Most sessions at once that name it; 0 = no limit. */
  readonly maxSessions: number;
  /** active, suspended, or deletion_scheduled. */
  readonly state: string;
  /** Addresses and ranges that may use it; empty = all. */
  readonly allowedIps: readonly string[];
  readonly deniedIps: readonly string[];
  /** 0 = as configured for all namespaces. */
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly suspendedAt?: Date;
  readonly suspendedBy: string;
  readonly suspensionReason: string;
  /** When everything in it will be destroyed. */
  readonly deletionAt?: Date;
  readonly deletionBy: string;
  readonly deletionReason: string;
  /** Keys that are not destroyed; not in lists. */
  readonly keys?: number;
  /** Such sessions that are open; not in lists. */
  readonly sessions?: number;
}

export interface CreateNamespaceRequest {
  readonly namespace: string;
  readonly description?: string | undefined;
  readonly maxKeys?: number | undefined;
}

/** What is left out stays as it is. */
export interface UpdateNamespaceRequest {
  readonly namespace: string;
  readonly description?: string | undefined;
  readonly maxKeys?: number | undefined;
  /** Both lists, in place of those before. */
  readonly addresses?: { readonly allowedIps: readonly string[]; readonly deniedIps: readonly string[] } | undefined;
  readonly requestsPerSecond?: number | undefined;
  readonly burst?: number | undefined;
  readonly maxSessions?: number | undefined;
}

export interface DeleteNamespaceRequest {
  readonly namespace: string;
  /** Left out = as configured. */
  readonly delaySeconds?: number | undefined;
  readonly reason?: string | undefined;
}

/** What is destroyed so far, and the digest over it. */
export interface PurgedNamespace {
  readonly complete: boolean;
  readonly keys: number;
  readonly records: number;
  readonly digest: string;
}

/** How many uses a key, a principal, both together or a whole namespace has. */
export interface Budget {
  readonly budgetId: string;
  readonly namespace: string;
  /** Empty = all keys together. */
  readonly keyId: string;
  /** Empty = all principals together. */
  readonly principal: string;
  /** Uses in a minute of UTC; 0 = as many as one likes. */
  readonly perMinute: number;
  readonly perDay: number;
  readonly usedThisMinute: number;
  readonly usedToday: number;
  readonly setBy: string;
  readonly setAt?: Date;
}

export interface SetBudgetRequest {
  readonly namespace?: string | undefined;
  readonly keyId?: string | undefined;
  readonly principal?: string | undefined;
  readonly perMinute?: number | undefined;
  readonly perDay?: number | undefined;
}

export interface NamespaceOperations {
  createNamespace(request: CreateNamespaceRequest): Promise<Namespace>;
  listNamespaces(): Promise<readonly Namespace[]>;
  getNamespace(request: { readonly namespace: string }): Promise<Namespace>;
  updateNamespace(request: UpdateNamespaceRequest): Promise<Namespace>;
  suspendNamespace(request: { readonly namespace: string; readonly reason?: string | undefined }): Promise<Namespace>;
  resumeNamespace(request: { readonly namespace: string }): Promise<Namespace>;
  /** Schedules; until it is due, cancelNamespaceDeletion takes it back. */
  deleteNamespace(request: DeleteNamespaceRequest): Promise<Namespace>;
  cancelNamespaceDeletion(request: { readonly namespace: string }): Promise<Namespace>;
  purgeNamespace(request: { readonly namespace: string }): Promise<PurgedNamespace>;
  /** Setting it again changes its limits; what was used stays used. */
  setBudget(request: SetBudgetRequest): Promise<Budget>;
  listBudgets(request?: { readonly namespace?: string | undefined }): Promise<readonly Budget[]>;
  deleteBudget(request: { readonly namespace?: string | undefined; readonly budgetId: string }): Promise<unknown>;
}

export const NAMESPACE_OPERATIONS: Ways<NamespaceOperations> = {
  createNamespace: ["CreateNamespace", "namespace"],
  listNamespaces: ["ListNamespaces", "namespaces"],
  getNamespace: ["GetNamespace", "namespace"],
  updateNamespace: ["UpdateNamespace", "namespace"],
  suspendNamespace: ["SuspendNamespace", "namespace"],
  resumeNamespace: ["ResumeNamespace", "namespace"],
  deleteNamespace: ["DeleteNamespace", "namespace"],
  cancelNamespaceDeletion: ["CancelNamespaceDeletion", "namespace"],
  purgeNamespace: "PurgeNamespace",
  setBudget: ["SetBudget", "budget"],
  listBudgets: ["ListBudgets", "budgets"],
  deleteBudget: "DeleteBudget",
};
