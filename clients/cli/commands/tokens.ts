/** `keystead token`: tokens of PKCS#11, made and shown, and their PINs. PINs are typed or come by reference, never as words. */
import type { Command } from "commander";
import type { Token, TokenPinName, TokenPinState } from "@keystead/client/shapes";
import { collect, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { askNewPassword, askPassword } from "../hidden-input.ts";
import { resolveSettings } from "../settings.ts";
import { sessionPath, writeSession } from "../stored-session.ts";
import { withPin } from "../token-session.ts";
import { dateText } from "./key-facts.ts";

interface PinOptions {
  readonly pin?: string;
  readonly soPin?: string;
  readonly newPin?: string;
  readonly so?: boolean;
}

interface InitOptions extends PinOptions {
  readonly label: string;
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly algorithm?: readonly string[];
  readonly withoutPin?: boolean;
  readonly again?: boolean;
}

const SO_PIN = ["--so-pin <ref>", "the security officer's PIN by reference, instead of being asked: file:PATH, env:NAME or fd:N"] as const;

const pinText = (state: TokenPinState | undefined): string =>
  state === undefined || !state.initialized
    ? "not set"
    : state.locked
      ? `locked until ${dateText(state.lockedUntil)}`
      : state.finalTry
        ? "set; the next wrong one locks it"
        : state.countLow
          ? "set; it was given wrong"
          : "set";

const viewText = ({ tags, algorithms }: Token): string =>
  [...tags.map((tag) => `tag ${tag}`), ...algorithms].join(", ") || "every key of the namespace";

const tokenFacts = (token: Token): readonly (readonly [string, string])[] => [
  ["token", token.name],
  ["label", token.label],
  ["serial number", token.serialNumber],
  ["namespace", token.namespace],
  ["shows", viewText(token)],
  ["SO PIN", pinText(token.soPin)],
  ["user PIN", pinText(token.userPin)],
  ["PINs have", `${token.minPinLength} characters or more, ${token.maxPinLength} bytes at most`],
  ["created", dateText(token.createdAt)],
];

/** What happened, and what the server says of it on stderr. */
async function told(context: Context, value: { readonly warnings: readonly string[] }, text: string): Promise<void> {
  await context.print(value, () => text);
  for (const warning of value.warnings) await context.note(`warning: ${warning}`);
}

/** Asks for a PIN, works with it and wipes it. */
async function having<T>(asking: Promise<Buffer>, body: (pin: Buffer) => Promise<T>): Promise<T> {
  const pin = await asking;
  try {
    return await body(pin);
  } finally {
    pin.fill(0);
  }
}

export function addTokens(parent: Command, run: Run): void {
  leaf<InitOptions>(parent, run, {
    usage: "init",
    summary: "Make a token with its PINs, or initialise one again with --again",
    notes:
      "PINs are asked for on the terminal. --again is for whoever has the security officer's PIN: the token gets the label and\nloses its user PIN. It is refused while the token shows keys, which never go with it.",
    examples: [
      "keystead token init --label B4AE-Token",
      "keystead token init --label payments --namespace payments --tag pay --so-pin file:so.pin --pin file:user.pin",
      "keystead token init --again --name payments --label 'Payments 2'",
    ],
    options: (command) =>
      command
        .requiredOption("--label <text>", "what people call it, at most 32 bytes")
        .option("--name <name>", "what configuration and principals call it (default: the label)")
        .option("--tag <tag>", "it shows keys with this tag; repeat for more, which a key must all have", collect)
        .option("--algorithm <name>", "it shows keys of this algorithm; repeat for more", collect)
        .option(...SO_PIN)
        .option("--pin <ref>", "the user PIN by reference, instead of being asked")
        .option("--without-pin", "no user PIN, until `keystead token init-pin` sets one")
        .option("--again", "initialise the token of this name again"),
    body: async (context, options) => {
      const { shell } = context;
      const { label, name, tag: tags, algorithm: algorithms } = options;
      if (options.again === true) {
        const again = name ?? label;
        await having(askPassword(`SO PIN of ${again}: `, options.soPin, "--so-pin", shell), async (pin) => {
          const done = await withPin(context, again, "so", pin, (keystead) => keystead.initToken({ label }));
          await context.print(done, () => `token ${done.name} is initialised again; it has no user PIN\n`);
        });
        return;
      }
      await having(askNewPassword("SO PIN", options.soPin, "--so-pin", shell), async (soPin) => {
        const userPin = options.withoutPin === true ? undefined : await askNewPassword("user PIN", options.pin, "--pin", shell);
        try {
          const keystead = await context.connect();
          const { token, warnings } = await keystead.createToken({ label, name, tags, algorithms, soPin, userPin });
          await told(context, { ...token, warnings } as Token & { warnings: readonly string[] }, context.facts(tokenFacts(token)));
        } finally {
          userPin?.fill(0);
        }
      });
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List the tokens that you may see",
    examples: ["keystead token list"],
    body: async (context) => {
      const tokens = await (await context.connect()).listTokens();
      await context.print({ tokens }, () =>
        context.table(
          ["token", "label", "serial number", "namespace", "shows", "user PIN"],
          tokens.map((token) => [token.name, token.label, token.serialNumber, token.namespace, viewText(token), pinText(token.userPin)]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "show-slots",
    summary: "Show the slots of the PKCS#11 module where its configuration names none",
    notes: "Slot 0 is the module's own credential; the tokens that it may see follow, by name.",
    examples: ["keystead token show-slots"],
    body: async (context) => {
      const tokens = await (await context.connect()).listTokens();
      const slots = tokens.map((token, index) => ({ slot: index + 1, token }));
      await context.print({ slots }, () =>
        slots.map(({ slot, token }) => context.facts([["slot", String(slot)], ...tokenFacts(token)])).join("\n"),
      );
    },
  });
  leaf(parent, run, {
    usage: "show <name>",
    summary: "Show a token and what is known of its PINs",
    examples: ["keystead token show payments --namespace payments"],
    body: async (context, _options, [name = ""]) => {
      const token = await (await context.connect()).getToken({ name });
      await context.print(token, () => context.facts(tokenFacts(token)));
    },
  });
  leaf(parent, run, {
    usage: "delete <name>",
    summary: "Remove a token with its PINs and their sessions; keys stay",
    examples: ["keystead token delete payments --namespace payments"],
    body: async (context, _options, [name = ""]) => {
      const removed = await (await context.connect()).deleteToken({ name });
      await context.print({ name: removed }, () => `token ${removed} is removed\n`);
    },
  });
  leaf<PinOptions>(parent, run, {
    usage: "init-pin <name>",
    summary: "Set the user PIN of a token as its security officer, and unlock it",
    notes: "Every session of the token's user ends.",
    examples: ["keystead token init-pin payments", "keystead token init-pin payments --so-pin file:so.pin --pin file:user.pin"],
    options: (command) => command.option(...SO_PIN).option("--pin <ref>", "the new user PIN by reference, instead of being asked"),
    body: async (context, options, [name = ""]) => {
      const { shell } = context;
      await having(askPassword(`SO PIN of ${name}: `, options.soPin, "--so-pin", shell), (soPin) =>
        having(askNewPassword("new user PIN", options.pin, "--pin", shell), async (pin) => {
          const done = await withPin(context, name, "so", soPin, (keystead) => keystead.initTokenPin({ pin }));
          await told(context, done, `the user PIN of ${done.name} is set\n`);
        }),
      );
    },
  });
  leaf<PinOptions>(parent, run, {
    usage: "set-pin <name>",
    summary: "Change the user PIN of a token, or its security officer's with --so",
    notes: "Every session that the PIN opened ends.",
    examples: ["keystead token set-pin payments", "keystead token set-pin payments --so --pin file:old.pin --new-pin file:new.pin"],
    options: (command) =>
      command
        .option("--so", "the security officer's PIN")
        .option("--pin <ref>", "the PIN until now by reference, instead of being asked")
        .option("--new-pin <ref>", "the new PIN by reference, instead of being asked"),
    body: async (context, options, [name = ""]) => {
      const { shell } = context;
      const role: TokenPinName = options.so === true ? "so" : "user";
      await having(askPassword(`${role === "so" ? "SO" : "user"} PIN until now: `, options.pin, "--pin", shell), (oldPin) =>
        having(askNewPassword("new PIN", options.newPin, "--new-pin", shell), async (newPin) => {
          const done = await withPin(context, name, role, oldPin, (keystead) => keystead.setTokenPin({ oldPin, newPin }));
          await told(context, done, `the ${role === "so" ? "SO" : "user"} PIN of ${done.name} is another\n`);
        }),
      );
    },
  });
  leaf<PinOptions>(parent, run, {
    usage: "login <name>",
    summary: "Begin a session by a token's PIN, kept as by `keystead login`",
    examples: ["keystead token login payments", "keystead token login payments --so"],
    options: (command) =>
      command.option("--so", "the security officer's PIN").option("--pin <ref>", "the PIN by reference, instead of being asked"),
    body: async (context, options, [name = ""]) => {
      const { shell } = context;
      const role: TokenPinName = options.so === true ? "so" : "user";
      await having(askPassword(`${role === "so" ? "SO" : "user"} PIN of ${name}: `, options.pin, "--pin", shell), async (pin) => {
        const keystead = await context.connect({ token: undefined, tokenProvider: undefined });
        const { tokens } = await keystead.loginToken({ name, role, pin });
        const path = sessionPath(context.options, shell);
        writeSession(path, resolveSettings(context.options, shell).endpoint, tokens);
        const { sessionId, sessionExpiresAt } = tokens;
        await context.print({ sessionId, sessionExpiresAt, file: path }, () =>
          context.facts([
            ["session", sessionId],
            ["until", dateText(sessionExpiresAt)],
            ["kept in", path],
          ]),
        );
      });
    },
  });
  leaf<PinOptions>(parent, run, {
    usage: "once",
    summary: "Get a bearer token for one request, for your PIN or password once more",
    notes: "Keys with always_authenticate are used by a request that comes with such a token and by no other. It is good for a minute.",
    examples: ["keystead token once --pin file:user.pin"],
    options: (command) => command.option("--pin <ref>", "the PIN or password by reference, instead of being asked"),
    body: async (context, options) => {
      await having(askPassword("your PIN or password once more: ", options.pin, "--pin", context.shell), async (secret) => {
        const { accessToken, expiresAt } = await (await context.connect()).reauthenticate({ secret });
        await context.print({ accessToken, expiresAt }, () => `${accessToken}\n`);
      });
    },
  });
}
