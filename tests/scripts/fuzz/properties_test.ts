import { assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { Framing } from "@wirebench/wirebench/framing";
import {
  pickleTimeIsLinear,
  roundTrips,
  sameAsStream,
  sameForAnySplit,
  streamRoundTrips,
} from "../../../scripts/checks/fuzz/properties.ts";
import { bytes } from "../../harness.ts";

/** A framing whose decoder is wrong. */
function broken(push: (chunk: Uint8Array) => unknown[]): Framing<unknown, unknown> {
  return {
    encode: (message) => message as Uint8Array<ArrayBuffer>,
    decoder() {
      let ended = false;
      return {
        pending: false,
        failure: undefined,
        push(chunk) {
          if (ended) throw new TypeError("The stream has ended");
          return push(chunk);
        },
        end() {
          ended = true;
          return [];
        },
      };
    },
  };
}

const readIsMessage = broken((chunk) => chunk.length > 0 ? [new Uint8Array(chunk)] : []);

Deno.test("each property fails for a framing that violates it", async () => {
  const hoard: unknown[] = [];
  const wrong: [property: (framing: Framing<unknown, unknown>) => unknown, Framing<unknown, unknown>, RegExp][] = [
    [(framing) => roundTrips(framing, [bytes("ab")]), readIsMessage, /^In one chunk, the stream gives/],
    [(framing) => sameForAnySplit(framing, bytes("ab"), [], [1]), readIsMessage, /^Expected .*97, 98.* got .*97.*98/],
    [(framing) => sameAsStream(framing, bytes("ab"), [1]), readIsMessage, /^Expected .*97, 98.* got .*97.*98/],
    [
      (framing) => sameForAnySplit(framing, bytes("ab"), [], []),
      broken(() => [hoard.push(new Uint8Array(10_000_000))]),
      /^2 bytes took \d{8} bytes of memory$/,
    ],
    [
      (framing) => sameForAnySplit(framing, bytes("ab"), [], []),
      broken(() => [new Uint8Array(-1)]),
      /^Invalid typed array length: -1$/,
    ],
    [
      (framing) => streamRoundTrips(framing, [bytes("ab")]),
      broken((chunk) => [chunk.subarray(1)]),
      /^Expected \[Uint8Array.of\(97, 98\)\], got \[Uint8Array.of\(98\)\]$/,
    ],
  ];
  for (const [property, framing, words] of wrong) {
    const error = await assertRejects(async () => await property(framing), Error);
    assertMatch(error.message, words);
  }
  const slowly = (data: Uint8Array) => {
    const end = performance.now() + (data[3] === 0x58 ? 110 : 0);
    while (performance.now() < end) { /* busy */ }
  };
  const slow = assertThrows(() => pickleTimeIsLinear(bytes("abcX"), slowly), Error);
  assertMatch(slow.message, /^4 bytes took 1\d\d ms, null values 0 ms$/);
});
