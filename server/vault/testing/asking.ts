/**
 * For tests: requests of people, not of ceremonies, to a vault in this process.
 */
import { create, fromBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import { HsmError } from "@keystead/contract/errors";
import type { Principal } from "../authenticate/principal.ts";
import { permissionsOf } from "../authorize/roles.ts";
import type { Monitor } from "../monitor.ts";

/** Somebody with a token. */
export function person(
  id: string,
  roles: readonly string[] = [],
  namespaces: readonly string[] | "all" = "all",
  more: Partial<Principal> = {},
): Principal {
  return {
    id,
    method: "token",
    roles,
    permissions: permissionsOf(roles),
    namespaces: namespaces === "all" ? "all" : new Set(namespaces),
    defaultNamespace: "default",
    validUntil: Number.MAX_SAFE_INTEGER,
    ...more,
  };
}

/** Asks as somebody. @throws {HsmError} what the vault refuses with */
export async function askAs<I extends DescMessage, O extends DescMessage>(
  monitor: Monitor,
  principal: Principal,
  operation: Operation<I, O>,
  request: MessageInitShape<I>,
  address = "10.0.0.1",
): Promise<MessageShape<O>> {
  const reply = await monitor.perform(operation, create(operation.method.input, request), {
    principal,
    requestId: "test",
    address,
    deadline: Infinity,
    cancelled: () => false,
  });
  return fromBinary(operation.method.output, reply);
}

/** The code of the refusal, or OK. */
export async function codeAs<I extends DescMessage>(
  monitor: Monitor,
  principal: Principal,
  operation: Operation<I>,
  request: MessageInitShape<I>,
  address?: string,
): Promise<string> {
  return askAs(monitor, principal, operation, request, address).then(
    () => "OK",
    (error: unknown) => (error instanceof HsmError ? error.code : String(error)),
  );
}
