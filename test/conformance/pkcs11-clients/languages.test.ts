/** Programs in other languages with keys of the vault, by the libraries for PKCS#11 of each. */
import { clientPages } from "./client-pages.ts";
import { GO, NODE, PYTHON, RUST } from "./packages.ts";

clientPages(
  { name: "java", programs: ["java", "javac", "keytool"] },
  { name: "python", programs: ["python3"], packages: PYTHON },
  { name: "node", programs: ["node", "npm"], packages: NODE },
  { name: "go", programs: ["go", "gcc"], packages: GO },
  { name: "rust", programs: ["cargo"], packages: RUST },
);
