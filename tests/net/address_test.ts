import { assertEquals } from "@std/assert";
import { formatAddress } from "@wirebench/wirebench/net";
import { isLoopback } from "../../lib/net/address.ts";
import { resolveUdp } from "../../lib/net/udp_socket.ts";
import { blockOf } from "../../lib/net/address.ts";

Deno.test("formatAddress() and isLoopback() treat every notation of an address alike", () => {
  assertEquals(formatAddress({ transport: "tcp", hostname: "127.0.0.1", port: 1 }), "127.0.0.1:1");
  assertEquals(formatAddress({ hostname: "::1", port: 1 }), "[::1]:1");
  assertEquals(formatAddress({ hostname: "::ffff:10.0.0.1", port: 1 }), "10.0.0.1:1");
  assertEquals(formatAddress({ transport: "unix", path: "/tmp/x" }), "/tmp/x");
  assertEquals(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"].map(isLoopback), Array(5).fill(true));
  assertEquals(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.com"].map(isLoopback), Array(4).fill(false));
});

Deno.test("formatAddress(), isLoopback() and resolveUdp() normalise addresses", async () => {
  assertEquals(formatAddress({ hostname: "0:0:0:0:0:0:0:1", port: 1 }), "[::1]:1");
  assertEquals(formatAddress({ hostname: "::FFFF:7f00:1", port: 1 }), "127.0.0.1:1");
  assertEquals(isLoopback("0:0:0:0:0:0:0:1"), true);
  assertEquals((await resolveUdp({ hostname: "0:0:0:0:0:0:0:1", port: 1 })).hostname, "::1");
});

Deno.test("blockOf() maps an IPv6 address to its /64 network, and an IPv4 address to itself in any notation", () => {
  assertEquals(blockOf("203.0.113.9"), "203.0.113.9");
  assertEquals(blockOf("::ffff:203.0.113.9"), "203.0.113.9");
  assertEquals(blockOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assertEquals(blockOf("2001:db8::6"), "2001:db8:0:0::/64");
  assertEquals(blockOf("::1"), "0:0:0:0::/64");
});
