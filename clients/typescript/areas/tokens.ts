/** Tokens of PKCS#11: views of a namespace's keys that a PIN opens. */
import type { Ways } from "../operation-ways.ts";
import type { SessionTokens } from "./identity.ts";

/** Whose PIN: the security officer's, or the user's. */
export type TokenPinName = "so" | "user";

export interface TokenPinState {
  readonly initialized: boolean;
  /** It was given wrong since it was last given right. */
  readonly countLow: boolean;
  /** The next wrong one locks it. */
  readonly finalTry: boolean;
  readonly locked: boolean;
  readonly lockedUntil?: Date;
  readonly changedAt?: Date;
}

export interface Token {
  readonly name: string;
  readonly label: string;
  readonly namespace: string;
  readonly tags: readonly string[];
  readonly algorithms: readonly string[];
  readonly serialNumber: string;
  readonly soPin?: TokenPinState;
  readonly userPin?: TokenPinState;
  readonly minPinLength: number;
  readonly maxPinLength: number;
  readonly createdAt?: Date;
}

export interface CreateTokenRequest {
  readonly namespace?: string | undefined;
  readonly label: string;
  /** From the label when left out. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly algorithms?: readonly string[] | undefined;
  readonly soPin: Uint8Array;
  readonly userPin?: Uint8Array | undefined;
}

export interface TokenName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** What was done, and what an operator should know of it. */
export interface TokenPinSet {
  readonly name: string;
  readonly warnings: readonly string[];
}

export interface TokenOperations {
  createToken(request: CreateTokenRequest): Promise<{ readonly token: Token; readonly warnings: readonly string[] }>;
  listTokens(): Promise<readonly Token[]>;
  getToken(request: TokenName): Promise<Token>;
  /** Its PINs and their sessions go; keys stay. */
  deleteToken(request: TokenName): Promise<string>;
  loginToken(request: {
    readonly name: string;
    readonly role: TokenPinName;
    readonly pin: Uint8Array;
    readonly bindAddress?: boolean | undefined;
  }): Promise<{ readonly tokens: SessionTokens; readonly token: Token }>;
  /** By its security officer, once its view has no keys: it has no user PIN afterwards. */
  initToken(request: { readonly label?: string | undefined }): Promise<{ readonly name: string; readonly label: string }>;
  /** By its security officer: sets the user PIN and unlocks it. */
  initTokenPin(request: { readonly pin: Uint8Array }): Promise<TokenPinSet>;
  /** The PIN that opened this session, which ends. */
  setTokenPin(request: { readonly oldPin: Uint8Array; readonly newPin: Uint8Array }): Promise<TokenPinSet>;
  /** For the PIN or password once more: a bearer token that is good for one request. */
  reauthenticate(request: { readonly secret: Uint8Array }): Promise<{ readonly accessToken: string; readonly expiresAt?: Date }>;
}

export const TOKEN_OPERATIONS: Ways<TokenOperations> = {
  createToken: "CreateToken",
  listTokens: ["ListTokens", "tokens"],
  getToken: ["GetToken", "token"],
  deleteToken: ["DeleteToken", "name"],
  loginToken: "LoginToken",
  initToken: "InitToken",
  initTokenPin: "InitTokenPin",
  setTokenPin: "SetTokenPin",
  reauthenticate: "Reauthenticate",
};
