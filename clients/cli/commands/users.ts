/** `keystead users`: local users, made and managed; passwords; second factors are in users-factors.ts. */
import type { Command } from "commander";
import type { User } from "@keystead/client/shapes";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { askNewPassword, askPassword } from "../hidden-input.ts";
import { forgetSession, sessionPath } from "../stored-session.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";
import { addUserFactors } from "./users-factors.ts";

interface Changes {
  readonly displayName?: string;
  readonly person?: string;
  readonly role?: readonly string[];
  readonly removeRole?: readonly string[];
  readonly reach?: readonly string[];
  readonly removeReach?: readonly string[];
  readonly maxSessions?: number;
  readonly disable?: boolean;
  readonly enable?: boolean;
  readonly password?: string;
  readonly withoutPassword?: boolean;
}

const state = (user: User): string =>
  [
    ...(user.disabled ? ["disabled"] : []),
    ...(user.lockedUntil === undefined ? [] : [`locked until ${dateText(user.lockedUntil)}`]),
    ...(user.hasPassword ? [] : ["no password"]),
    ...(user.mustChangePassword ? ["must change the password"] : []),
  ].join(", ") || "active";

export const userFacts = (context: Context, user: User): string =>
  context.facts([
    ["user", user.name],
    ...(user.displayName === "" ? [] : [["called", user.displayName] as const]),
    ["person", user.person],
    ["roles", user.roles.join(", ")],
    ["namespaces", user.namespaces.join(", ")],
    ["state", state(user)],
    ["second factors", user.factors.map(({ kind, label, factorId }) => `${kind} ${label} (${factorId})`).join(", ") || "none"],
    ["recovery codes", String(user.recoveryCodesLeft)],
    ["most sessions", user.maxSessions === 0 ? "no limit" : String(user.maxSessions)],
    ["created", dateText(user.createdAt)],
  ]);

const describing = (command: Command): Command =>
  command
    .option("--display-name <text>", "what people call them")
    .option("--person <name>", "whom this user is, where one person has several ways to log in")
    .option("--role <name>", "a role; repeat for more", collect)
    .option("--reach <namespace>", "a namespace within reach, * for all; repeat for more", collect)
    .option("--max-sessions <number>", "sessions open at once; 0 = no limit", wholeNumber("--max-sessions", 0, 10_000));

export function users(root: Command, run: Run): void {
  const parent = group(root, "users", "Manage local users, their passwords and second factors");
  const show = (context: Context, user: User): Promise<void> => context.print(user, () => userFacts(context, user));
  leaf<Changes>(parent, run, {
    usage: "create <name>",
    summary: "Make a user, with a first password that they must change",
    examples: [
      "keystead users create alice --role Operator --reach payments",
      "keystead users create bob --role Auditor --reach '*' --password file:first-password",
    ],
    options: (command) =>
      describing(command)
        .option("--password <ref>", "the first password by reference, instead of being asked: file:PATH, env:NAME or fd:N")
        .option("--without-password", "nobody can log in until one is set"),
    body: async (context, options, [name = ""]) => {
      const { displayName, person, role: roles, reach: namespaces, maxSessions } = options;
      const password =
        options.withoutPassword === true
          ? undefined
          : await askNewPassword(`first password of ${name}`, options.password, "--password", context.shell);
      try {
        const keystead = await context.connect();
        await show(context, await keystead.createUser({ name, displayName, person, roles, namespaces, maxSessions, password }));
      } finally {
        password?.fill(0);
      }
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List every user",
    examples: ["keystead users list"],
    body: async (context) => {
      const all = await (await context.connect()).listUsers();
      await context.print({ users: all }, () =>
        context.table(
          ["user", "roles", "namespaces", "second factors", "state"],
          all.map((user) => [user.name, user.roles.join(","), user.namespaces.join(","), String(user.factors.length), state(user)]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "show [name]",
    summary: "Show a user, or yourself",
    examples: ["keystead users show alice", "keystead users show"],
    body: async (context, _options, [name]) => show(context, await (await context.connect()).getUser({ name })),
  });
  leaf<Changes>(parent, run, {
    usage: "update <name>",
    summary: "Change what a user is called and may do",
    examples: ["keystead users update alice --role Auditor --remove-role Operator", "keystead users update alice --disable"],
    options: (command) =>
      describing(command)
        .option("--remove-role <name>", "a role to take away; repeat for more", collect)
        .option("--remove-reach <namespace>", "a namespace to take away; repeat for more", collect)
        .option("--disable", "end every session, and let nobody in")
        .option("--enable", "let them in again"),
    body: async (context, options, [name = ""]) => {
      if (options.disable === true && options.enable === true) throw usageError("--disable and --enable cannot both be meant");
      const { displayName, person, role: addRoles, removeRole: removeRoles, reach, removeReach, maxSessions } = options;
      const disabled = options.disable === true ? true : options.enable === true ? false : undefined;
      const keystead = await context.connect();
      const changes = {
        name,
        displayName,
        person,
        addRoles,
        removeRoles,
        addNamespaces: reach,
        removeNamespaces: removeReach,
        disabled,
        maxSessions,
      };
      await show(context, await keystead.updateUser(changes));
    },
  });
  leaf(parent, run, {
    usage: "delete <name>",
    summary: "Remove a user with every session they have",
    examples: ["keystead users delete alice"],
    body: async (context, _options, [name = ""]) => {
      const removed = await (await context.connect()).deleteUser({ name });
      await context.print({ name: removed }, () => `user ${removed} is removed\n`);
    },
  });
  leaf(parent, run, {
    usage: "unlock <name>",
    summary: "Let in a user again whom failed attempts keep out",
    examples: ["keystead users unlock alice"],
    body: async (context, _options, [name = ""]) => show(context, await (await context.connect()).unlockUser({ name })),
  });
  leaf<{ readonly current?: string; readonly password?: string }>(parent, run, {
    usage: "password [name]",
    summary: "Change your password, or set somebody's, who must change it then",
    notes: "Every session of the user ends.",
    examples: ["keystead users password", "keystead users password alice --password file:first-password"],
    options: (command) =>
      command
        .option("--current <ref>", "your password until now by reference, instead of being asked")
        .option("--password <ref>", "the new password by reference, instead of being asked"),
    body: async (context, options, [name]) => {
      const { shell } = context;
      const currentPassword =
        name === undefined ? await askPassword("your password until now: ", options.current, "--current", shell) : undefined;
      let password: Buffer | undefined;
      try {
        password = await askNewPassword("new password", options.password, "--password", shell);
        const user = await (await context.connect()).setPassword({ name, password, currentPassword });
        if (name === undefined) forgetSession(sessionPath(context.options, shell));
        await show(context, user);
      } finally {
        password?.fill(0);
        currentPassword?.fill(0);
      }
    },
  });
  addUserFactors(parent, run);
}
