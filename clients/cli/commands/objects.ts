/** `keystead objects`: certificates and data beside the keys of a namespace. */
import type { Command } from "commander";
import type { StoredObject, StoredObjectClassName } from "@keystead/client/shapes";
import { readWhole } from "../byte-source.ts";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { collect, group, inOption, leaf, outOptions, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";
import { dateText } from "./key-facts.ts";

interface Options extends TargetOptions {
  readonly class?: string;
  readonly label?: string;
  readonly id?: string;
  readonly application?: string;
  readonly in?: string;
  readonly private?: boolean;
  readonly trusted?: boolean;
  readonly distrusted?: boolean;
  readonly tag?: readonly string[];
}

const CLASSES: readonly StoredObjectClassName[] = ["certificate", "data"];
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;

function classOf(name: string | undefined): StoredObjectClassName | undefined {
  const found = CLASSES.find((each) => each === name);
  if (name !== undefined && found === undefined) throw usageError(`--class: '${name}' is not one of ${CLASSES.join(", ")}`);
  return found;
}

function idOf(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  if (!/^([0-9a-fA-F]{2})+$/.test(text)) throw usageError("--id is hexadecimal, such as 0a1b");
  return Buffer.from(text, "hex");
}

/** A certificate in DER, out of PEM where it is that. */
function derOf(bytes: Buffer): Buffer {
  const [, body] = PEM.exec(bytes.toString("latin1")) ?? [];
  return body === undefined ? bytes : Buffer.from(body, "base64");
}

const facts = (context: Context, object: StoredObject): string =>
  context.facts([
    ["object", object.objectId],
    ["class", object.objectClass],
    ["label", object.label],
    ...(object.objectClass === "data"
      ? [["application", object.application] as const]
      : [["id", object.id.toString("hex")] as const, ["trusted", object.trusted ? "yes" : "no"] as const]),
    ["private", object.private ? "yes" : "no"],
    ["tags", object.tags.join(", ")],
    ["bytes", String(object.valueBytes)],
    ["stored", dateText(object.createdAt)],
  ]);

const said = (command: Command): Command =>
  command
    .option("--label <text>", "what people call it")
    .option("--id <hex>", "of a certificate: the id of the key it is about")
    .option("--application <text>", "of data: what works with it");
const privates = (command: Command): Command => command.option("--private", "a private object, for those who may see them");

export function objects(root: Command, run: Run): void {
  const parent = group(root, "objects", "Store certificates and data beside the keys");
  leaf<Options>(parent, run, {
    usage: "store <class>",
    summary: "Store a certificate or data",
    notes: "A certificate is X.509, in PEM or DER. A value has at most 64 KiB.",
    examples: [
      "keystead objects store certificate --in server.pem --label web --id 0a1b",
      "keystead objects store data --in settings.json --label settings --application payments --private",
    ],
    options: (command) =>
      privates(said(inOption(command, "file with the value")))
        .option("--trusted", "of a certificate: its signatures are trusted")
        .option("--tag <tag>", "tokens with this tag show it; repeat for more", collect),
    body: async (context, options, [name]) => {
      const objectClass = classOf(name) as StoredObjectClassName;
      const read = await readWhole(options.in, context.shell);
      const value = objectClass === "certificate" ? derOf(read) : read;
      const { label, application, trusted, tag: tags } = options;
      const asked = { objectClass, label, id: idOf(options.id), application, value, trusted, private: options.private, tags };
      const object = await (await context.connect()).storeObject(asked);
      await context.print(object, () => facts(context, object));
    },
  });
  leaf<Options>(parent, run, {
    usage: "list",
    summary: "List stored objects, all or those that say something",
    examples: ["keystead objects list", "keystead objects list --class certificate --id 0a1b", "keystead objects list --private"],
    options: (command) =>
      command
        .option("--class <class>", CLASSES.join(" or "))
        .option("--label <text>", "with this label")
        .option("--id <hex>", "with this id")
        .option("--application <text>", "of this application")
        .option("--private", "private objects too"),
    body: async (context, options) => {
      const keystead = await context.connect();
      const { label, application } = options;
      const asked = {
        objectClass: classOf(options.class),
        label,
        id: idOf(options.id),
        application,
        private: options.private,
        perPage: 1000,
      };
      const all: StoredObject[] = [];
      for (let pageToken = ""; ;) {
        const page = await keystead.findStoredObjects({ ...asked, pageToken });
        all.push(...page.objects);
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
      }
      await context.print({ objects: all }, () =>
        context.table(
          ["object", "class", "label", "id", "private", "bytes"],
          all.map((one) => [
            one.objectId,
            one.objectClass,
            one.label,
            one.id.toString("hex"),
            one.private ? "yes" : "no",
            String(one.valueBytes),
          ]),
        ),
      );
    },
  });
  leaf<Options>(parent, run, {
    usage: "show <object>",
    summary: "Show a stored object, or write its value with --out",
    examples: ["keystead objects show obj-0123456789ab", "keystead objects show obj-0123456789ab --out server.der"],
    options: (command) => outOptions(command).option("--private", "a private object"),
    body: async (context, options, [objectId = ""]) => {
      checkTarget(options, context.shell);
      const object = await (await context.connect()).getStoredObject({ objectId, private: options.private });
      if (options.out === undefined) return context.print(object, () => facts(context, object));
      await writeTarget(options, [object.value], context.shell);
    },
  });
  leaf<Options>(parent, run, {
    usage: "update <object>",
    summary: "Change what a stored object says",
    examples: ["keystead objects update obj-0123456789ab --label web-2", "keystead objects update obj-0123456789ab --in new.json"],
    options: (command) =>
      said(command)
        .option("--in <file>", "of data: file with the new value")
        .option("--trusted", "of a certificate: its signatures are trusted")
        .option("--distrusted", "they are not any more")
        .option("--private", "a private object"),
    body: async (context, options, [objectId = ""]) => {
      if (options.trusted === true && options.distrusted === true) throw usageError("--trusted and --distrusted cannot both be meant");
      const trusted = options.trusted === true ? true : options.distrusted === true ? false : undefined;
      const value = options.in === undefined ? undefined : await readWhole(options.in, context.shell);
      const { label, application } = options;
      const changes = { objectId, private: options.private, label, id: idOf(options.id), application, value, trusted };
      const object = await (await context.connect()).updateStoredObject(changes);
      await context.print(object, () => facts(context, object));
    },
  });
  leaf<Options>(parent, run, {
    usage: "delete <object>",
    summary: "Remove a stored object, at once",
    examples: ["keystead objects delete obj-0123456789ab"],
    options: (command) => command.option("--private", "a private object"),
    body: async (context, options, [objectId = ""]) => {
      const removed = await (await context.connect()).deleteStoredObject({ objectId, private: options.private });
      await context.print({ objectId: removed }, () => `object ${removed} is removed\n`);
    },
  });
}
