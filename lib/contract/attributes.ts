/**
 * The attributes of a key, one row each: what PKCS#11 calls it, who may write it and when. The vault enforces these
 * rows, FindObjects looks by them, the documentation prints them. The names are the fields of the message
 * KeyAttributes (a test holds the two together).
 *
 * Whatever a row says: nothing is written once `modifiable` is false, and nothing in a state in which the lifecycle
 * table forbids SetAttributes.
 *
 * @see PKCS#11 3.1 §4.4 to §4.10
 */

/** When and how an attribute may be written. */
export type Writable =
  /** By nobody, ever: it follows from the key. */
  | "never"
  /** When the key is made, and never after. */
  | "at creation"
  | "freely"
  /** Once true, for good: CKA_SENSITIVE, CKA_WRAP_WITH_TRUSTED. */
  | "to true"
  /** Once false, for good: CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_COPYABLE. */
  | "to false"
  /** What is listed can be given up, not gained. */
  | "to fewer"
  /** Only while the key is staged, and to a time that lies ahead. */
  | "while staged"
  /** To a time that lies ahead. */
  | "to the future"
  /** A limit is set or lowered, never raised. */
  | "to less";

/**
 * Which of its values stores file a key under, so that it is found without looking at every key. Of a boolean only the
 * value that few keys have.
 */
export type Indexed = "always" | "when true" | "when false" | "never";

export interface AttributeRow {
  readonly pkcs11: string;
  readonly kind: "text" | "bytes" | "boolean" | "number" | "usages" | "mechanisms" | "time" | "count";
  /** May be given when the key is made. */
  readonly atCreation: boolean;
  readonly change: Writable;
  /** True when it would tell a stranger nothing: it may stand outside a sealed record. All others only as keyed hashes. */
  readonly public: boolean;
  readonly indexed: Indexed;
  readonly meaning: string;
}

export const ATTRIBUTES = Object.freeze({
  label: {
    pkcs11: "CKA_LABEL",
    kind: "text",
    atCreation: true,
    change: "freely",
    public: false,
    indexed: "always",
    meaning: "A name for people; need not be unique.",
  },
  id: {
    pkcs11: "CKA_ID",
    kind: "bytes",
    atCreation: true,
    change: "freely",
    public: false,
    indexed: "always",
    meaning: "An identifier that other systems chose. No two stored keys of a namespace that are not destroyed have the same.",
  },
  object_class: {
    pkcs11: "CKA_CLASS",
    kind: "text",
    atCreation: false,
    change: "never",
    public: true,
    indexed: "never",
    meaning: "`private` or `secret`.",
  },
  key_type: {
    pkcs11: "CKA_KEY_TYPE",
    kind: "text",
    atCreation: false,
    change: "never",
    public: true,
    indexed: "always",
    meaning: "The PKCS#11 key type of the algorithm.",
  },
  size_bits: {
    pkcs11: "CKA_MODULUS_BITS, CKA_VALUE_LEN",
    kind: "number",
    atCreation: false,
    change: "never",
    public: true,
    indexed: "never",
    meaning: "Size of the key.",
  },
  usage: {
    pkcs11: "CKA_SIGN, CKA_VERIFY, CKA_ENCRYPT, CKA_DECRYPT, ...",
    kind: "usages",
    atCreation: false,
    change: "to fewer",
    public: false,
    indexed: "never",
    meaning: "Every use that is permitted. When a key is made, the request's own `usage` says it.",
  },
  sensitive: {
    pkcs11: "CKA_SENSITIVE",
    kind: "boolean",
    atCreation: false,
    change: "to true",
    public: false,
    indexed: "when false",
    meaning: "The material is never shown in plain: `exportable` is not `plain`. When a key is made, `exportable` says it.",
  },
  extractable: {
    pkcs11: "CKA_EXTRACTABLE",
    kind: "boolean",
    atCreation: false,
    change: "to false",
    public: false,
    indexed: "when true",
    meaning: "The material may leave the vault: `exportable` is not `never`. When a key is made, `exportable` says it.",
  },
  always_sensitive: {
    pkcs11: "CKA_ALWAYS_SENSITIVE",
    kind: "boolean",
    atCreation: false,
    change: "never",
    public: false,
    indexed: "when false",
    meaning: "Made in this vault and sensitive ever since.",
  },
  never_extractable: {
    pkcs11: "CKA_NEVER_EXTRACTABLE",
    kind: "boolean",
    atCreation: false,
    change: "never",
    public: false,
    indexed: "when false",
    meaning: "Made in this vault and not extractable ever since.",
  },
  local: {
    pkcs11: "CKA_LOCAL",
    kind: "boolean",
    atCreation: false,
    change: "never",
    public: true,
    indexed: "when false",
    meaning: "The current version was made in this vault.",
  },
  key_gen_mechanism: {
    pkcs11: "CKA_KEY_GEN_MECHANISM",
    kind: "text",
    atCreation: false,
    change: "never",
    public: true,
    indexed: "never",
    meaning: "The algorithm by which this vault made the current version; empty when it did not.",
  },
  modifiable: {
    pkcs11: "CKA_MODIFIABLE",
    kind: "boolean",
    atCreation: true,
    change: "to false",
    public: false,
    indexed: "when false",
    meaning: "Attributes may still be changed. True unless the key is made otherwise.",
  },
  start_date: {
    pkcs11: "CKA_START_DATE",
    kind: "time",
    atCreation: true,
    change: "while staged",
    public: false,
    indexed: "never",
    meaning: "When the key became, or by itself becomes, active.",
  },
  end_date: {
    pkcs11: "CKA_END_DATE",
    kind: "time",
    atCreation: true,
    change: "to the future",
    public: false,
    indexed: "never",
    meaning: "From then on the key makes nothing new.",
  },
  max_uses: {
    pkcs11: "",
    kind: "count",
    atCreation: true,
    change: "to less",
    public: false,
    indexed: "never",
    meaning: "The most uses that make something new, over all versions (KMIP Usage Limits).",
  },
  max_bytes: {
    pkcs11: "",
    kind: "count",
    atCreation: true,
    change: "to less",
    public: false,
    indexed: "never",
    meaning: "The most bytes that such uses may be given.",
  },
  allowed_mechanisms: {
    pkcs11: "CKA_ALLOWED_MECHANISMS",
    kind: "mechanisms",
    atCreation: true,
    change: "to fewer",
    public: false,
    indexed: "never",
    meaning:
      "The only ways the key may be used, by the names on the page of mechanisms. Left out = every one it has, but for those of SignRaw, which must be named.",
  },
  trusted: {
    pkcs11: "CKA_TRUSTED",
    kind: "boolean",
    atCreation: true,
    change: "freely",
    public: false,
    indexed: "when true",
    meaning:
      "Keys with `wrap_with_trusted` may leave under this one. Written with the permission `key:trust` alone; only a key that wraps, never leaves the vault and did not come of another key can have it.",
  },
  wrap_with_trusted: {
    pkcs11: "CKA_WRAP_WITH_TRUSTED",
    kind: "boolean",
    atCreation: true,
    change: "to true",
    public: false,
    indexed: "when true",
    meaning: "The key leaves only under a key of this vault that is `trusted`, never for a public key and never in plain.",
  },
  copyable: {
    pkcs11: "CKA_COPYABLE",
    kind: "boolean",
    atCreation: true,
    change: "to false",
    public: false,
    indexed: "when false",
    meaning: "CopyKey makes copies of the key. True unless the key is made otherwise.",
  },
  destroyable: {
    pkcs11: "CKA_DESTROYABLE",
    kind: "boolean",
    atCreation: true,
    change: "freely",
    public: false,
    indexed: "when false",
    meaning:
      "DeleteKey, DestroyKey and PurgeKey are possible, for the key and its versions. True unless the key is made otherwise. A namespace that is deleted takes such keys along.",
  },
  always_authenticate: {
    pkcs11: "CKA_ALWAYS_AUTHENTICATE",
    kind: "boolean",
    atCreation: true,
    change: "at creation",
    public: false,
    indexed: "when true",
    meaning:
      "Each use of the private key needs a login of its own, good for that one request. For key pairs only; what the public half does needs none.",
  },
  subject: {
    pkcs11: "CKA_SUBJECT",
    kind: "bytes",
    atCreation: true,
    change: "freely",
    public: false,
    indexed: "always",
    meaning: "Whose key it is, as applications say it: a distinguished name in DER. Of key pairs only; the vault does not read it.",
  },
} satisfies Record<string, AttributeRow>);

export type AttributeName = keyof typeof ATTRIBUTES;
export const ATTRIBUTE_NAMES = Object.freeze(Object.keys(ATTRIBUTES)) as readonly AttributeName[];
