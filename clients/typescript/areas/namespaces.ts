/** Namespaces. */
import type { Ways } from "../operation-ways.ts";

export interface Namespace {
  readonly namespace: string;
  readonly description: string;
  readonly createdAt?: Date;
  /** 0 = no limit. */
  readonly maxKeys: number;
}

export interface CreateNamespaceRequest {
  readonly namespace: string;
  readonly description?: string | undefined;
  readonly maxKeys?: number | undefined;
}

export interface NamespaceOperations {
  createNamespace(request: CreateNamespaceRequest): Promise<Namespace>;
  listNamespaces(): Promise<readonly Namespace[]>;
}

export const NAMESPACE_OPERATIONS: Ways<NamespaceOperations> = {
  createNamespace: ["CreateNamespace", "namespace"],
  listNamespaces: ["ListNamespaces", "namespaces"],
};
