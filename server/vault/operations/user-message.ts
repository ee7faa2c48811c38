/**
 * Local users, service accounts and sessions as the public messages: never a secret, nor a digest of one.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  FactorKind,
  type SecretIdSchema,
  type ServiceAccountSchema,
  type SessionSchema,
  type SessionTokensSchema,
  type UserSchema,
} from "@keystead/contract/generated/hsm/identity_pb";
import type { Identity } from "../authenticate/identity.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { SessionRecord, Tokens } from "../authenticate/sessions.ts";
import { namespacesKnownTo, type SecretIdRecord, type ServiceAccountRecord, type UserRecord } from "../authenticate/subjects.ts";

/** The time, or nothing for 0 and null. */
const time = (ms: number | null): ReturnType<typeof timestampFromMs> | undefined =>
  ms === null || ms === 0 ? undefined : timestampFromMs(ms);
const set = <K extends string, T>(name: K, value: T | undefined): { [N in K]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [N in K]?: T });

export function userMessage(name: string, user: UserRecord, { lockouts }: Identity): MessageInitShape<typeof UserSchema> {
  return {
    name,
    displayName: user.displayName,
    person: user.person,
    roles: [...user.roles],
    namespaces: [...user.namespaces],
    disabled: user.disabled,
    mustChangePassword: user.mustChangePassword,
    hasPassword: user.hasPassword,
    factors: [
      ...(user.totp === null
        ? []
        : [{ factorId: user.totp.id, kind: FactorKind.TOTP, label: user.totp.label, createdAt: timestampFromMs(user.totp.createdAt) }]),
      ...Object.entries(user.webAuthn).map(([factorId, { label, createdAt, userVerified }]) => ({
        factorId,
        kind: FactorKind.WEBAUTHN,
        label,
        createdAt: timestampFromMs(createdAt),
        userVerified,
      })),
    ],
    recoveryCodesLeft: user.recoveryCodes.length,
    maxSessions: user.maxSessions,
    createdAt: timestampFromMs(user.createdAt),
    ...set("lockedUntil", lockouts.isLocked(name) ? time(lockouts.of(name).lockedUntil) : undefined),
    ...set("passwordChangedAt", time(user.passwordChangedAt)),
  };
}

/** The same, without the namespaces that are none of the reader's business. */
export const knownTo = <M extends { namespaces?: string[] }>(reader: Principal, message: M): M => ({
  ...message,
  namespaces: namespacesKnownTo(reader, message.namespaces ?? []),
});

export const secretIdMessage = (accessor: string, record: SecretIdRecord): MessageInitShape<typeof SecretIdSchema> => ({
  accessor,
  createdAt: timestampFromMs(record.createdAt),
  expiresAt: timestampFromMs(record.expiresAt),
  usesLeft: record.usesLeft ?? 0,
  addresses: [...record.addresses],
});

export const serviceAccountMessage = (name: string, account: ServiceAccountRecord): MessageInitShape<typeof ServiceAccountSchema> => ({
  name,
  description: account.description,
  roles: [...account.roles],
  namespaces: [...account.namespaces],
  disabled: account.disabled,
  maxSessions: account.maxSessions,
  secretIds: Object.entries(account.secretIds).map(([accessor, record]) => secretIdMessage(accessor, record)),
  createdAt: timestampFromMs(account.createdAt),
});

export const sessionMessage = (
  sessionId: string,
  principal: string,
  record: SessionRecord,
  current: boolean,
): MessageInitShape<typeof SessionSchema> => ({
  sessionId,
  principal,
  address: record.address,
  createdAt: timestampFromMs(record.createdAt),
  expiresAt: timestampFromMs(record.expiresAt),
  refreshedAt: timestampFromMs(record.refreshedAt),
  ...set("mfaAt", time(record.mfaAt)),
  certificateBound: record.thumbprint !== null,
  addressBound: record.addressBound,
  current,
});

export const tokensMessage = (tokens: Tokens): MessageInitShape<typeof SessionTokensSchema> => ({
  accessToken: tokens.accessToken,
  accessExpiresAt: timestampFromMs(tokens.accessExpiresAt),
  refreshToken: tokens.refreshToken,
  sessionId: tokens.sessionId,
  sessionExpiresAt: timestampFromMs(tokens.sessionExpiresAt),
  mustChangePassword: tokens.mustChangePassword,
});
