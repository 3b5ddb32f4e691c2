// What `deno task fuzz` does for minutes, for a moment; and what it has found.

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeChunks,
  decodePickle,
  encodePickle,
  FrameDecoderStream,
  FrameEncoderStream,
  type Framing,
  json,
  lengthPrefix,
  lines,
  MalformedMessageError,
  pickle,
  PickleFloat,
  PickleTuple,
  type PickleValue,
} from "@wirebench/wirebench/framing";
import { code } from "../../scripts/checks/fuzz/code.ts";
import {
  asRead,
  comesBack,
  comesBackFromStream,
  pickleComesBack,
  pickleIsReadOrRefused,
  pickleTakesItsTime,
  sameAsStream,
  sameHoweverCut,
} from "../../scripts/checks/fuzz/properties.ts";
import { plainData, SLOWER, TARGETS, tryTarget } from "../../scripts/checks/fuzz/targets.ts";
import { bytes, hasProgram } from "../harness.ts";

for (const target of TARGETS) {
  const runs = target.isSlow ? 200 / SLOWER : 200;
  Deno.test(`${runs} random cases hold for ${target.name}`, async () => {
    const { cases, found } = await tryTarget(target, { seed: 20_261_120, runs: 200 });
    assertEquals([found?.words, found?.test], [undefined, undefined]);
    assertEquals(cases, runs);
  });
}

Deno.test("found: an empty list is a level too", () => {
  pickleIsReadOrRefused(Uint8Array.of(0x80, 4, 0x29, 0x2e), { maxDepth: 0 });
  assertThrows(() => decodePickle(Uint8Array.of(0x80, 4, 0x5d, 0x2e), { maxDepth: 0 }), MalformedMessageError);
});

Deno.test("found: text that is one item too many is at fault where it stands", () => {
  const data = Uint8Array.of(0x80, 4, 0x5d, 0x28, 0x4b, 0, 0x8c, 1, 0x61, 0x65, 0x2e);
  const error = assertThrows(() => decodePickle(data, { maxItems: 2 }), MalformedMessageError);
  assertEquals(error.offset, 6);
});

Deno.test("found: a dict with two NaN for keys is not written, as it could not be read", () => {
  pickleComesBack(new Map<PickleValue, PickleValue>([[NaN, 0], [new PickleFloat(NaN), 0]]));
  pickleComesBack(new Map<PickleValue, PickleValue>([[new PickleTuple([NaN]), 0], [new PickleTuple([NaN]), 0]]));
});

Deno.test("found: JSON carries -0", () => {
  comesBack(json(lines()), [-0, [0, -0], { a: -0 }]);
});

/** Reads pickles of plain data, each after its length, and sends each back in another protocol. */
const PYTHON_PEER = `
import io, pickle, struct, sys
class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(name)
count = 0
while header := sys.stdin.buffer.read(4):
    value = Unpickler(io.BytesIO(sys.stdin.buffer.read(*struct.unpack(">I", header)))).load()
    count += 1
    data = pickle.dumps(value, 3 + count % 3) # protocol 2 has no bytes, and calls a function for them
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()
`;
const hasPython = hasProgram("python3", "-c", "import pickle; pickle.dumps(0, 5)");

Deno.test({
  name: "300 random values come back from Python as they went there" +
    (hasPython ? "" : " (ignored: no python3 with pickle's protocol 5 here)"),
  ignore: !hasPython,
  async fn() {
    await using python = new Deno.Command("python3", { args: ["-c", PYTHON_PEER], stdin: "piped", stdout: "piped" })
      .spawn();
    const framing = pickle(lengthPrefix({ bytes: 4 }));
    const sent = fc.sample(plainData, { seed: 20_261_120, numRuns: 300 }).filter((value) => canPickle(value));
    const [received] = await Promise.all([
      Array.fromAsync(python.stdout.pipeThrough(new FrameDecoderStream(framing))),
      ReadableStream.from(sent).pipeThrough(new FrameEncoderStream(framing)).pipeTo(python.stdin),
    ]);
    assertEquals(received.map(code), sent.map((value) => code(asRead(value))));
    assertEquals((await python.status).code, 0);
  },
});

function canPickle(value: PickleValue): boolean {
  try {
    return encodePickle(value).length > 0;
  } catch {
    return false;
  }
}

/** A framing that is wrong in what it does with a chunk. */
function broken(push: (chunk: Uint8Array) => unknown[]): Framing<unknown, unknown> {
  const decoder = { pending: false, failure: undefined, push, end: () => [] };
  return { encode: (message) => message as Uint8Array<ArrayBuffer>, decoder: () => decoder };
}

const readIsMessage = broken((chunk) => chunk.length > 0 ? [new Uint8Array(chunk)] : []);

Deno.test("the properties find what they are for", async () => {
  const hoard: unknown[] = [];
  const wrong: [property: (framing: Framing<unknown, unknown>) => unknown, Framing<unknown, unknown>, RegExp][] = [
    [(framing) => comesBack(framing, [bytes("ab")]), readIsMessage, /^Cut at \[1\] the stream gives/],
    [(framing) => sameHoweverCut(framing, bytes("ab"), [], [1]), readIsMessage, /^Expected .*97, 98.* got .*97.*98/],
    [(framing) => sameAsStream(framing, bytes("ab"), [1]), readIsMessage, /^Expected .*97, 98.* got .*97.*98/],
    [
      (framing) => sameHoweverCut(framing, bytes("ab"), [], []),
      broken(() => [hoard.push(new Uint8Array(10_000_000))]),
      /^2 bytes took \d{8} of memory$/,
    ],
    [
      (framing) => sameHoweverCut(framing, bytes("ab"), [], []),
      broken(() => [new Uint8Array(-1)]),
      /^Invalid typed array length: -1$/,
    ],
    [
      (framing) => comesBackFromStream(framing, [bytes("ab")]),
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
  const slow = assertThrows(() => pickleTakesItsTime(bytes("abcX"), slowly), Error);
  assertMatch(slow.message, /^4 bytes took 1\d\d ms, as many plain ones 0 ms$/);
});

Deno.test("a case that is found is made small, can be pasted, and comes again with its seed and path", async () => {
  const cases = fc.nat(1000).map((number) => ({
    run() {
      if (number > 17) throw new Error(`${number} is over 17`);
    },
    code: `under17(${number})`,
  }));
  const target = { name: "numbers", cases };
  const { found } = await tryTarget(target, { seed: 5, runs: 100 });
  assertEquals(found?.words, "Error: 18 is over 17");
  assertEquals(found?.test, `Deno.test("found: numbers, seed 5, path ${found?.path}", () => under17(18));`);
  const again = await tryTarget(target, { seed: 5, runs: 100, path: found!.path });
  assertEquals([again.cases, again.found?.test], [1, found?.test]);
});

Deno.test("code() writes values that are made again by what it writes", () => {
  const values: [value: unknown, written: string][] = [
    [-0, "-0"],
    [NaN, "NaN"],
    [[1n, "a\n\u2028", null, true], '[1n, "a\\n\u2028", null, true]'],
    [Uint8Array.of(1, 2), "Uint8Array.of(1, 2)"],
    [
      new Map([[1, new PickleTuple([new PickleFloat(2)])]]),
      [
        "new Map<PickleValue, PickleValue>([[1, new PickleTuple([new PickleFloat(2)])]])",
      ].join(),
    ],
    [JSON.parse('{"__proto__": 1}'), '{ ["__proto__"]: 1 }'],
  ];
  for (const [value, written] of values) assertEquals(code(value), written);
  const { messages } = decodeChunks(lines(), [bytes("a\n")]);
  assertEquals(code(messages), "[Uint8Array.of(97)]");
});
