import { assert, assertEquals, assertThrows } from "@std/assert";
import { allowList } from "../../lib/net/allow_list.ts";

Deno.test("allowList() matches ranges of both families, in any notation of an address", () => {
  const allows = allowList(["10.0.0.0/8", "192.168.1.7", "2001:db8::/32", "::1/128"]);
  const cases: [address: string, allowed: boolean][] = [
    ["10.255.0.1", true],
    ["11.0.0.1", false],
    ["192.168.1.7", true],
    ["192.168.1.8", false],
    ["::ffff:10.1.2.3", true], // as a listener on :: shows it
    ["::ffff:a01:203", true],
    ["::ffff:11.1.2.3", false],
    ["2001:db8:0:0:1:2:3:4", true],
    ["2001:DB8::1", true],
    ["2001:db9::1", false],
    ["0:0:0:0:0:0:0:1", true],
    ["::2", false],
    ["fe80::1%eth0", false],
  ];
  for (const [address, allowed] of cases) assertEquals(allows(address), allowed, address);
  assert(allowList(["fe80::/10"])("fe80::1%eth0"));
  assert(allowList(["0.0.0.0/0"])("203.0.113.9"));
  assert(!allowList([])("127.0.0.1"));
});

Deno.test("allowList() rejects invalid ranges", () => {
  for (const wrong of ["", "localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8/8", "/8"]) {
    assertThrows(() => allowList([wrong]), RangeError, `Cannot allow "${wrong}": expected an address or a range`);
  }
});
