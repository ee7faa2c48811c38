/**
 * Keys made, changed, moved and destroyed through the PKCS#11 module against a live server: a program in Python that
 * walks templates (pkcs11/keys.py), and OpenSC's pkcs11-tool.
 */
import { describe, test } from "node:test";
import { applications } from "./pkcs11-applications.ts";
import { skipModule } from "./pkcs11-module.ts";
import { served } from "./served.ts";

describe("keys through the module", { skip: skipModule }, () => {
  const here = served();
  const { configured, scenario } = applications(here);
  const keys = (name: string, ...args: readonly string[]): void => scenario("keys", name, configured("keys"), ...args);

  test("a key of every kind is made, and has the attributes it was given", () => keys("generate"));
  test("a key is for what was asked, and for nothing that its kind cannot do", () => keys("usages"));
  test("what is wrong with a template has an answer of its own, and nothing is made", () => keys("templates"));
  test("session objects are of this process alone, and go with the session that made them", () => keys("sessions"));
  test("keys made elsewhere come in whole or not at all", () => keys("imports"));
  test("what may be changed is changed for every session, and the rest is refused", () => keys("changes"));
  test("a copy is another key of the same material, and never weaker", () => keys("copies"));
  test("keys go under keys and come back, and what cannot leave does not", () => keys("wrapping"));
  test("both sides of an agreement derive one secret, and derivations are those of their specifications", () => keys("deriving"));
  test("what was encapsulated is decapsulated", () => keys("encapsulation"));
  test("every known way to a sensitive key by the interface alone is refused", () => keys("attacks"));
});
