import assert from "node:assert/strict";
import { test } from "node:test";
import { addressName } from "./address-name.ts";

test("an address of IPv4 is counted as itself, however it is written", () => {
  assert.equal(addressName("192.0.2.7"), "192.0.2.7");
  assert.equal(addressName("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressName("::FFFF:192.0.2.7"), "192.0.2.7");
  assert.equal(addressName("::ffff:c000:207"), "192.0.2.7");
  assert.equal(addressName("0:0:0:0:0:ffff:c000:0207"), "192.0.2.7");
});

test("an address of IPv6 is counted as its /64, however it is written", () => {
  for (const address of [
    "2001:db8:1:2::1",
    "2001:0DB8:0001:0002:ffff:ffff:ffff:ffff",
    "2001:db8:1:2:0:0:0:0",
    "2001:db8:1:2:3:4:192.0.2.7",
    "2001:db8:1:2::%eth0",
  ])
    assert.equal(addressName(address), "2001:db8:1:2::/64", address);
  assert.notEqual(addressName("2001:db8:1:3::1"), addressName("2001:db8:1:2::1"));
  assert.equal(addressName("::1"), "0:0:0:0::/64");
  assert.equal(addressName("fe80::1"), "fe80:0:0:0::/64");
});

test("what is no address is counted together", () => {
  for (const text of ["", "/run/socket", "a:b", "1.2.3", "::ffff:1.2.3.999"]) assert.equal(addressName(text), "unknown", text);
});
