import { assert } from "@std/assert";
import { checkCuts, MalformedMessageError, MessageTooLongError, netstring } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("netstring refuses leading zeros, a missing comma and a length without end", () => {
  for (const stream of ["00:,", "01:a,", ":,", "a", "-1:", "3:abcX", "1:a;"]) {
    assert(checkCuts(netstring(), bytes(stream)).error instanceof MalformedMessageError, stream);
  }
  const { error } = checkCuts(netstring({ maxLength: 100 }), bytes("1".repeat(50)));
  assert(error instanceof MessageTooLongError);
});
