import { assert, assertThrows } from "@std/assert";
import { Connection, serveTcp, serveUdp } from "@wirebench/wirebench/net";
import { stubSocket } from "../harness.ts";

Deno.test("limits out of range are rejected at once", async () => {
  for (const limit of [0, -1, 1.5, NaN]) {
    assertThrows(() => serveTcp({ maxConnections: limit }, () => {}), RangeError, "Cannot use maxConnections");
    assertThrows(() => serveTcp({ maxConnectionsPerAddress: limit }, () => {}), RangeError, "Cannot use");
    assertThrows(() => serveUdp({ maxRate: limit }, () => {}), RangeError, "Cannot use maxRate");
    assertThrows(() => new Connection(stubSocket(), { maxQueue: limit }), RangeError, "Cannot use maxQueue");
  }
  assertThrows(() => serveTcp({ allow: ["x"] }, () => {}), RangeError, "Cannot allow");
  assertThrows(() => serveUdp({ maxGrowth: -1 }, () => {}), RangeError, "Cannot use maxGrowth");
  await using unlimited = serveTcp({ maxConnections: Infinity }, () => {});
  assert(unlimited.addr.port > 0);
});
