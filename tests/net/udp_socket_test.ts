import { assert, assertEquals } from "@std/assert";
import { ConnectionError } from "@wirebench/wirebench/net";
import { resolveUdp } from "../../lib/net/udp_socket.ts";
import { within } from "../harness.ts";

Deno.test("resolveUdp() resolves names, and reports a name that does not resolve", async () => {
  assertEquals((await resolveUdp({ hostname: "localhost", port: 7 })).port, 7);
  const error = await within(resolveUdp({ hostname: "nobody.invalid", port: 7 }).catch((error) => error), "an answer");
  assert(error instanceof ConnectionError || error instanceof Deno.errors.NotCapable, String(error));
});
