import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkCuts, decimalHeader, decodeChunks, json, type JsonValue, lines } from "@wirebench/wirebench/framing";
import { roundTrips } from "../../scripts/checks/fuzz/properties.ts";
import { bytes } from "../harness.ts";

Deno.test("json decodes every JSON value it encodes, and refuses values that JSON cannot express", () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
    const framing = json(decimalHeader());
    const once = decodeChunks(framing, [framing.encode(value as JsonValue)]).messages[0];
    assertEquals(JSON.stringify(once), JSON.stringify(value));
  }));
  const { messages, error } = checkCuts(json(lines()), bytes('{"a":[1]}\n{"a":\n[2]\n'));
  assertEquals(messages, [{ a: [1] }]);
  assertEquals(error?.message, 'Malformed message at byte 0: expected a JSON value, got "{\\x22a\\x22:"');
  for (const value of [undefined, NaN, Infinity, () => 1, { a: [undefined] }, 1n]) {
    assertThrows(() => json(lines()).encode(value as unknown as JsonValue), TypeError);
  }
});

Deno.test("json carries -0", () => {
  roundTrips(json(lines()), [-0, [0, -0], { a: -0 }]);
});
