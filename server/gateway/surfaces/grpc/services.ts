/**
 * What a path on the RPC surfaces names.
 */
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS } from "@keystead/contract/operations/register";

const operations = new Map(OPERATIONS.map((operation) => [`/hsm.HsmService/${operation.name}`, operation]));

/** The operation behind `/hsm.HsmService/Name`. */
export const operationAt = (path: string): Operation | undefined => operations.get(path);
