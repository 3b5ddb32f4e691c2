import { assertThrows } from "@std/assert";
import { checkFraming, decimalHeader, type Framing } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("checkFraming() finds the faults of a framing", () => {
  const good = decimalHeader();
  const wrong: [string, Framing<Uint8Array>][] = [
    ["treats each chunk as a message", {
      encode: (message) => new Uint8Array(message),
      decoder: () => ({ pending: false, failure: undefined, push: (chunk) => [new Uint8Array(chunk)], end: () => [] }),
    }],
    ["shares memory with the chunk", {
      encode: (message) => new Uint8Array(message),
      decoder: () => ({
        pending: false,
        failure: undefined,
        push: (chunk) => chunk.length > 0 ? [chunk] : [],
        end: () => [],
      }),
    }],
    ["accepts an end inside a message", {
      encode: good.encode,
      decoder() {
        const decoder = good.decoder();
        return { pending: false, failure: undefined, push: (chunk) => decoder.push(chunk), end: () => [] };
      },
    }],
  ];
  for (const [name, framing] of wrong) {
    assertThrows(() => checkFraming(framing, [bytes("abc"), bytes("de")]), Error, undefined, name);
  }
});
