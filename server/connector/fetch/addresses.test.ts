import assert from "node:assert/strict";
import { test } from "node:test";
import { addressRule } from "./addresses.ts";

test("public addresses may be dialled, and nothing that leads to this machine, its neighbours or a cloud's metadata", () => {
  const mayDial = addressRule([]);
  for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]) assert.ok(mayDial(address), address);
  for (const address of [
    "127.0.0.1",
    "127.255.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "",
    "localhost",
    "0x7f.1",
    "2130706433",
  ])
    assert.ok(!mayDial(address), address);
});

test("addresses and ranges of the configuration may be dialled too, and only they", () => {
  const mayDial = addressRule(["127.0.0.1", "10.2.0.0/16", "fd00::/8"]);
  for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "10.2.255.1", "fd12::1", "8.8.8.8"]) assert.ok(mayDial(address), address);
  for (const address of ["127.0.0.2", "10.3.0.1", "fc00::1", "::1"]) assert.ok(!mayDial(address), address);
});
