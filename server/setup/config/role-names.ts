/** The built-in roles, as configuration names them. */
export { ROLE_NAMES as ROLES } from "@keystead/contract/role-names";
