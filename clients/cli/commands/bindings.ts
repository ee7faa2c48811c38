/** `keystead bindings`: who has which roles, as the policy document says; edited with compare-and-set. */
import type { Command } from "commander";
import { HsmError } from "@keystead/client/names";
import type { GetPolicyResponse, PolicyVersion } from "@keystead/client/shapes";
import type { Context } from "../context.ts";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import { bindingsOf, listed, withBindings, type BindingText } from "../policy-text.ts";
import { usageError } from "../usage-error.ts";

interface Adding {
  readonly member?: readonly string[];
  readonly role?: readonly string[];
  readonly in?: readonly string[];
  readonly key?: readonly string[];
  readonly tag?: readonly string[];
  readonly condition?: string;
}

/** Sets the document that `edit` makes of the one in force; somebody else's change in between is OBJECT_CHANGED. */
async function edited(context: Context, comment: string, edit: (got: GetPolicyResponse) => string): Promise<PolicyVersion> {
  const client = await context.connect();
  const got = await client.getPolicy();
  return client.setPolicy({ expectedVersion: got.policy?.version ?? 0, document: edit(got), comment });
}

export function bindings(root: Command, run: Run): void {
  const parent = group(root, "bindings", "Give roles to principals and groups, and take them back");
  leaf(parent, run, {
    usage: "list",
    summary: "List the bindings of the policy in force",
    examples: ["keystead bindings list"],
    body: async (context) => {
      const all = bindingsOf((await (await context.connect()).getPolicy()).document);
      await context.print({ bindings: all }, () =>
        context.table(
          ["id", "members", "roles", "namespaces", "keys", "condition"],
          all.map((one) => [
            one.id,
            listed(one.members),
            listed(one.roles),
            listed(one.namespaces),
            listed([...(one.keys?.ids ?? []), ...(one.keys?.tags ?? []).map((tag) => `tag:${tag}`)]),
            one.condition ?? "-",
          ]),
        ),
      );
    },
  });
  leaf<Adding>(parent, run, {
    usage: "add <id>",
    summary: "Add a binding to the policy",
    examples: [
      "keystead bindings add alice-signs --member user:alice --role KeyUser --in payments",
      "keystead bindings add ci --member 'jwt:https://ci.example:*' --role Service --in build --key release --condition 'in_range(request.address, \"10.0.0.0/8\")'",
    ],
    options: (command) =>
      command
        .option("--member <member>", "a principal, ISSUER:*, group:NAMESPACE/NAME or *; repeat for more", collect)
        .option("--role <role>", "a role to give; repeat for more", collect)
        .option("--in <namespace>", "a namespace, or * for all; repeat for more", collect)
        .option("--key <key>", "only on this key; repeat for more", collect)
        .option("--tag <tag>", "only on keys with this tag; repeat for more", collect)
        .option("--condition <cel>", "only when this holds"),
    body: async (context, { member, role, in: namespaces, key, tag, condition }, [id = ""]) => {
      if (member === undefined || role === undefined || namespaces === undefined)
        throw usageError("a binding needs --member, --role and --in");
      const binding: BindingText = {
        id,
        members: member,
        roles: role,
        namespaces,
        ...(key === undefined && tag === undefined ? {} : { keys: { ids: key ?? [], tags: tag ?? [] } }),
        ...(condition === undefined ? {} : { condition }),
      };
      const set = await edited(context, `binding ${id} added`, ({ document }) =>
        withBindings(document, [...bindingsOf(document), binding]),
      );
      await context.print(set, () => context.facts([["version", String(set.version)]]));
    },
  });
  leaf(parent, run, {
    usage: "remove <id>",
    summary: "Remove a binding from the policy",
    examples: ["keystead bindings remove alice-signs"],
    body: async (context, _, [id = ""]) => {
      const set = await edited(context, `binding ${id} removed`, ({ document }) => {
        const left = bindingsOf(document).filter((one) => one.id !== id);
        if (left.length === bindingsOf(document).length) throw new HsmError("OBJECT_NOT_FOUND", `there is no binding ${id}`);
        return withBindings(document, left);
      });
      await context.print(set, () => context.facts([["version", String(set.version)]]));
    },
  });
}
