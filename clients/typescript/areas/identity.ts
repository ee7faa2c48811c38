/** Local users, their second factors, service accounts, sessions. */
import type { Ways } from "../operation-ways.ts";

export type FactorKind = "totp" | "webauthn" | "recovery_code";

export interface Factor {
  readonly factorId: string;
  readonly kind: FactorKind;
  readonly label: string;
  readonly createdAt?: Date;
  readonly userVerified: boolean;
}

export interface User {
  readonly name: string;
  readonly displayName: string;
  readonly person: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly disabled: boolean;
  readonly mustChangePassword: boolean;
  readonly hasPassword: boolean;
  readonly factors: readonly Factor[];
  readonly recoveryCodesLeft: number;
  /** 0 = no limit. */
  readonly maxSessions: number;
  readonly lockedUntil?: Date;
  readonly createdAt?: Date;
  readonly passwordChangedAt?: Date;
}

export interface CreateUserRequest {
  readonly name: string;
  readonly displayName?: string | undefined;
  readonly person?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
  /** The first one, which its user must change. */
  readonly password?: Uint8Array | undefined;
  readonly maxSessions?: number | undefined;
}

export interface UpdateUserRequest {
  readonly name: string;
  readonly displayName?: string | undefined;
  readonly person?: string | undefined;
  readonly addRoles?: readonly string[] | undefined;
  readonly removeRoles?: readonly string[] | undefined;
  readonly addNamespaces?: readonly string[] | undefined;
  readonly removeNamespaces?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
  readonly maxSessions?: number | undefined;
}

export interface SetPasswordRequest {
  /** The caller, when left out. */
  readonly name?: string | undefined;
  readonly password: Uint8Array;
  readonly currentPassword?: Uint8Array | undefined;
}

export interface EnrollTotpResponse {
  readonly factorId: string;
  readonly uri: string;
  readonly secret: string;
}

export interface WebAuthnRegistrationRequest {
  readonly label?: string | undefined;
  readonly currentPassword?: Uint8Array | undefined;
}

/** What goes into PublicKeyCredentialCreationOptions. */
export interface BeginWebAuthnRegistrationResponse {
  readonly registrationId: string;
  readonly challenge: Buffer;
  readonly rpId: string;
  readonly rpName: string;
  readonly userId: Buffer;
  readonly userName: string;
  readonly userDisplayName: string;
  readonly algorithms: readonly ("eddsa" | "es256" | "rs256")[];
  readonly excludeCredentialIds: readonly string[];
  readonly expiresAt?: Date;
}

export interface FinishWebAuthnRegistrationRequest {
  readonly registrationId: string;
  readonly credentialId: string;
  readonly clientDataJson: Uint8Array;
  readonly attestationObject: Uint8Array;
}

export interface SessionTokens {
  readonly accessToken: string;
  readonly accessExpiresAt?: Date;
  readonly refreshToken: string;
  readonly sessionId: string;
  readonly sessionExpiresAt?: Date;
  readonly mustChangePassword: boolean;
}

export interface LoginChallenge {
  readonly challengeId: string;
  readonly factors: readonly FactorKind[];
  readonly expiresAt?: Date;
  readonly webauthnChallenge: Buffer;
  readonly rpId: string;
  readonly credentialIds: readonly string[];
}

/** One of the two. */
export interface LoginResponse {
  readonly tokens?: SessionTokens;
  readonly challenge?: LoginChallenge;
}

/** Exactly one proof. */
export interface CompleteLoginRequest {
  readonly challengeId: string;
  readonly totpCode?: string | undefined;
  readonly recoveryCode?: string | undefined;
  readonly webauthn?:
    | {
        readonly credentialId: string;
        readonly clientDataJson: Uint8Array;
        readonly authenticatorData: Uint8Array;
        readonly signature: Uint8Array;
      }
    | undefined;
}

export interface Session {
  readonly sessionId: string;
  readonly principal: string;
  readonly address: string;
  readonly createdAt?: Date;
  readonly expiresAt?: Date;
  readonly refreshedAt?: Date;
  readonly mfaAt?: Date;
  readonly certificateBound: boolean;
  readonly addressBound: boolean;
  readonly current: boolean;
}

export interface WhoAmI {
  readonly principal: string;
  readonly method: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly allNamespaces: boolean;
  readonly defaultNamespace: string;
  readonly permissions: readonly string[];
  readonly sessionId: string;
  readonly mfaAt?: Date;
  readonly validUntil?: Date;
}

export interface SecretId {
  readonly accessor: string;
  readonly createdAt?: Date;
  readonly expiresAt?: Date;
  /** 0 = no limit. */
  readonly usesLeft: number;
  readonly addresses: readonly string[];
}

export interface ServiceAccount {
  readonly name: string;
  readonly description: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly disabled: boolean;
  readonly maxSessions: number;
  readonly secretIds: readonly SecretId[];
  readonly createdAt?: Date;
}

export interface CreateServiceAccountRequest {
  readonly name: string;
  readonly description?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
  readonly maxSessions?: number | undefined;
}

export interface CreateSecretIdRequest {
  readonly name: string;
  /** 30 days when left out. */
  readonly ttlSeconds?: number | undefined;
  readonly maxUses?: number | undefined;
  readonly addresses?: readonly string[] | undefined;
}

export interface JsonWebKey {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly kid: string;
  readonly alg: string;
  readonly use: string;
}

export interface IdentityOperations {
  createUser(request: CreateUserRequest): Promise<User>;
  /** The caller, when no name is given. */
  getUser(request?: { readonly name?: string | undefined }): Promise<User>;
  listUsers(): Promise<readonly User[]>;
  updateUser(request: UpdateUserRequest): Promise<User>;
  deleteUser(request: { readonly name: string }): Promise<string>;
  /** Every session of the user has ended afterwards. */
  setPassword(request: SetPasswordRequest): Promise<User>;
  unlockUser(request: { readonly name: string }): Promise<User>;
  enrollTotp(request: WebAuthnRegistrationRequest): Promise<EnrollTotpResponse>;
  confirmTotp(request: { readonly factorId: string; readonly code: string }): Promise<User>;
  beginWebAuthnRegistration(request: WebAuthnRegistrationRequest): Promise<BeginWebAuthnRegistrationResponse>;
  finishWebAuthnRegistration(request: FinishWebAuthnRegistrationRequest): Promise<User>;
  removeFactor(request: {
    readonly name?: string | undefined;
    readonly factorId: string;
    readonly currentPassword?: Uint8Array | undefined;
  }): Promise<User>;
  generateRecoveryCodes(request: { readonly currentPassword?: Uint8Array | undefined }): Promise<readonly string[]>;
  login(request: {
    readonly name: string;
    readonly password: Uint8Array;
    readonly bindAddress?: boolean | undefined;
  }): Promise<LoginResponse>;
  completeLogin(request: CompleteLoginRequest): Promise<SessionTokens>;
  /** Never repeat it with one token: a refresh token that comes twice ends the session. */
  refreshSession(request: { readonly refreshToken: string }): Promise<SessionTokens>;
  logout(): Promise<string>;
  /** The caller's, somebody's, or everybody's with `*`. */
  listSessions(request?: { readonly principal?: string | undefined }): Promise<readonly Session[]>;
  /** One, or all when no session is named. @returns how many have ended */
  revokeSession(request: { readonly principal?: string | undefined; readonly sessionId?: string | undefined }): Promise<number>;
  whoAmI(): Promise<WhoAmI>;
  createServiceAccount(request: CreateServiceAccountRequest): Promise<ServiceAccount>;
  listServiceAccounts(): Promise<readonly ServiceAccount[]>;
  deleteServiceAccount(request: { readonly name: string }): Promise<string>;
  createSecretId(request: CreateSecretIdRequest): Promise<{ readonly secretId: string; readonly about: SecretId }>;
  revokeSecretId(request: { readonly name: string; readonly accessor: string }): Promise<ServiceAccount>;
  loginService(request: {
    readonly roleId: string;
    readonly secretId: string;
    readonly bindAddress?: boolean | undefined;
  }): Promise<SessionTokens>;
  /** Exchanges a token of an OpenID Connect provider, once. */
  loginOidc(request: { readonly token: string; readonly bindAddress?: boolean | undefined }): Promise<SessionTokens>;
  /** The keys that verify access tokens (RFC 7517). */
  getJwks(): Promise<{ readonly keys: readonly JsonWebKey[] }>;
}

export const IDENTITY_OPERATIONS: Ways<IdentityOperations> = {
  createUser: ["CreateUser", "user"],
  getUser: ["GetUser", "user"],
  listUsers: ["ListUsers", "users"],
  updateUser: ["UpdateUser", "user"],
  deleteUser: ["DeleteUser", "name"],
  setPassword: ["SetPassword", "user"],
  unlockUser: ["UnlockUser", "user"],
  enrollTotp: "EnrollTotp",
  confirmTotp: ["ConfirmTotp", "user"],
  beginWebAuthnRegistration: "BeginWebAuthnRegistration",
  finishWebAuthnRegistration: ["FinishWebAuthnRegistration", "user"],
  removeFactor: ["RemoveFactor", "user"],
  generateRecoveryCodes: ["GenerateRecoveryCodes", "codes"],
  login: "Login",
  completeLogin: ["CompleteLogin", "tokens"],
  refreshSession: ["RefreshSession", "tokens"],
  logout: ["Logout", "sessionId"],
  listSessions: ["ListSessions", "sessions"],
  revokeSession: ["RevokeSession", "revoked"],
  whoAmI: "WhoAmI",
  createServiceAccount: ["CreateServiceAccount", "serviceAccount"],
  listServiceAccounts: ["ListServiceAccounts", "serviceAccounts"],
  deleteServiceAccount: ["DeleteServiceAccount", "name"],
  createSecretId: "CreateSecretId",
  revokeSecretId: ["RevokeSecretId", "serviceAccount"],
  loginService: ["LoginService", "tokens"],
  loginOidc: ["LoginOidc", "tokens"],
  getJwks: "GetJwks",
};
