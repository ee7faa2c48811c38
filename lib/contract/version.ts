/** The product's version, in every log record, in GetStatus and in `keystead --version`. A test holds it to package.json. */
export const VERSION = "0.1.0";
