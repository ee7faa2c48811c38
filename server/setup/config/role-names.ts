/** The built-in roles, as configuration names them. */
export const ROLES = ["Administrator", "NamespaceAdmin", "Operator", "KeyAdmin", "KeyUser", "Service", "Auditor"] as const;
