import { assert, assertThrows } from "@std/assert";
import {
  checkCuts,
  checkFraming,
  decimalHeader,
  lines,
  MalformedMessageError,
  text,
} from "@wirebench/wirebench/framing";

Deno.test("text replaces and removes no character", () => {
  checkFraming(text(decimalHeader()), ["\ufeffa byte order mark", "Zoë", "👩‍👩‍👧", "\0"]);
  const bad: [number[], number][] = [[[0x61, 0xff, 0x62], 1], [[0xc3], 0], [[0x61, 0xed, 0xa0, 0x80], 2], [
    [0xc0, 0x80],
    0,
  ]];
  for (const [message, offset] of bad) {
    const { error } = checkCuts(text(decimalHeader()), decimalHeader().encode(Uint8Array.from(message)));
    assert(error instanceof MalformedMessageError);
    assert(error.offset <= offset && error.offset >= offset - 1, `${message}: ${error.message}`);
  }
  assertThrows(() => text(lines()).encode("\ud800"), TypeError, "half a surrogate pair");
});
