/** What this package uses of the WebAssembly namespace: the compiler's own declaration comes only with those of browsers. */
declare namespace WebAssembly {
  // oxlint-disable-next-line typescript/no-extraneous-class -- it is one, and has nothing that is used here
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Instance {
    constructor(module: Module, imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** Pages before; throws RangeError when there is no room. */
    grow(pages: number): number;
  }
  interface Global {
    value: unknown;
  }
  interface Table {
    get(index: number): unknown;
  }
  class RuntimeError extends Error {}
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}
