/** The little of oidc-provider, which brings no types, that identity-provider.ts uses. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";
  export class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (asked: IncomingMessage, reply: ServerResponse) => void;
  }
}
