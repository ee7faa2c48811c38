/** `keystead users totp`, `recovery-codes`, `remove-factor`: `security-key`: second factors. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { askCode, askPassword } from "../hidden-input.ts";
import { addSecurityKey, type FactorOptions } from "../security-key-factor.ts";
import { securityKeyOptions } from "../security-key.ts";

interface Options extends FactorOptions {
  readonly password?: string;
  readonly code?: string;
  readonly label?: string;
  readonly of?: string;
}

const passwordOption = (command: Command): Command =>
  command.option("--password <ref>", "your password by reference, instead of being asked: file:PATH, env:NAME or fd:N");

async function withPassword<T>(context: Context, options: Options, use: (password: Buffer) => Promise<T>): Promise<T> {
  const password = await askPassword("your password: ", options.password, "--password", context.shell);
  try {
    return await use(password);
  } finally {
    password.fill(0);
  }
}

export function addUserFactors(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "totp",
    summary: "Add an authenticator app to your user",
    notes: "Shows the app's secret once, then asks for a code of the app. From then on a login asks for one.",
    examples: ["keystead users totp --label phone"],
    options: (command) =>
      passwordOption(command).option("--label <text>", "what you call it").option("--code <ref>", "the app's code by reference"),
    body: (context, options) =>
      withPassword(context, options, async (currentPassword) => {
        const keystead = await context.connect();
        const { factorId, uri, secret } = await keystead.enrollTotp({ label: options.label, currentPassword });
        await context.note(`give this to the app: ${uri}\nor type its secret: ${secret}`);
        const code = await askCode("code the app shows: ", options.code, "--code", context.shell);
        const user = await keystead.confirmTotp({ factorId, code });
        await context.print(
          user,
          () => `a login of ${user.name} asks for a code of the app from now on; next: keystead users recovery-codes\n`,
        );
      }),
  });
  leaf<Options>(parent, run, {
    usage: "security-key",
    summary: "Add a security key (FIDO2) to your user",
    notes:
      "By libfido2's fido2-cred (Debian: fido2-tools). From then on a login asks for the key. The server's auth.webauthn.origins\nmust have the origin that is signed: https:// and the site, or what --origin says.",
    examples: ["keystead users security-key --label 'blue one'"],
    options: (command) =>
      securityKeyOptions(passwordOption(command))
        .option("--label <text>", "what you call it")
        .option("--pin", "ask for the security key's PIN, and not for a touch alone"),
    body: (context, options) =>
      withPassword(context, options, async (currentPassword) => {
        const user = await addSecurityKey(context, await context.connect(), currentPassword, options);
        await context.print(user, () => `a login of ${user.name} can be answered with this key; next: keystead users recovery-codes\n`);
      }),
  });
  leaf<Options>(parent, run, {
    usage: "recovery-codes",
    summary: "Make ten codes, each of which stands for your second factor once",
    notes: "They are shown this once; those made before are worthless from then on.",
    examples: ["keystead users recovery-codes"],
    options: passwordOption,
    body: (context, options) =>
      withPassword(context, options, async (currentPassword) => {
        const codes = await (await context.connect()).generateRecoveryCodes({ currentPassword });
        await context.print({ codes }, () => `${codes.join("\n")}\n`);
      }),
  });
  leaf<Options>(parent, run, {
    usage: "remove-factor <factor>",
    summary: "Take a second factor away, yours or somebody's",
    notes: "The factor is named by its id, as `keystead users show` tells it; recovery-codes are all of them.",
    examples: ["keystead users remove-factor recovery-codes", "keystead users remove-factor xK3v --of alice"],
    options: (command) => passwordOption(command).option("--of <name>", "whose, for an administrator; their sessions end"),
    body: async (context, options, [factorId = ""]) => {
      const keystead = await context.connect();
      const user =
        options.of === undefined
          ? await withPassword(context, options, (currentPassword) => keystead.removeFactor({ factorId, currentPassword }))
          : await keystead.removeFactor({ name: options.of, factorId });
      await context.print(user, () => `user ${user.name} has ${user.factors.length} second factors\n`);
    },
  });
}
