import { updateNamespace as operation } from "@keystead/contract/operations/update-namespace";
import { HsmError } from "@keystead/contract/errors";
import { isAddressRange } from "../address-rule.ts";
import type { NamespaceAttributes } from "../objects/attributes.ts";
import { handler } from "./handler.ts";
import { namespaceMessage } from "./namespace-message.ts";

/** Changes quota, rate, addresses and description; what is left out stays. */
export const updateNamespace = handler(operation, async ({ namespace, request }, { objects }) => {
  const { description, maxKeys, addresses, requestsPerSecond, burst, maxSessions } = request;
  if (
    description === undefined &&
    maxKeys === undefined &&
    addresses === undefined &&
    requestsPerSecond === undefined &&
    burst === undefined &&
    maxSessions === undefined
  )
    throw new HsmError("INVALID_REQUEST", "nothing is to be changed");
  for (const [list, ranges] of [
    ["allowed_ips", addresses?.allowedIps ?? []],
    ["denied_ips", addresses?.deniedIps ?? []],
  ] as const)
    if (!ranges.every(isAddressRange)) throw new HsmError("INVALID_REQUEST", `addresses.${list}: an entry is no address and no CIDR range`);
  const { described, change } = await objects.alterNamespace(namespace, (before) => ({
    ...withRate(before, requestsPerSecond, burst),
    ...(description === undefined ? {} : { description }),
    ...(maxKeys === undefined ? {} : { maxKeys }),
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...(addresses === undefined ? {} : { allowedIps: addresses.allowedIps, deniedIps: addresses.deniedIps }),
  }));
  return { reply: { namespace: namespaceMessage(described) }, change };
});

/** @throws {HsmError} INVALID_REQUEST for a burst of no rate */
function withRate(before: NamespaceAttributes, perSecond: number | undefined, burst: number | undefined): NamespaceAttributes {
  const { rate, ...rest } = before;
  const wanted = perSecond ?? rate?.perSecond ?? 0;
  if (wanted > 0)
    return { ...rest, rate: { perSecond: wanted, burst: burst ?? (perSecond === undefined ? rate?.burst : undefined) ?? wanted * 2 } };
  if (burst !== undefined) throw new HsmError("INVALID_REQUEST", "burst: a burst needs requests_per_second");
  return rest;
}
