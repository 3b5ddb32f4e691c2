// Random framings, messages, streams and pickles on which to check the properties.

import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  decimalHeader,
  delimited,
  encodePickle,
  fixed,
  type Framing,
  json,
  lengthField,
  type LengthFieldOptions,
  lengthPrefix,
  lines,
  netstring,
  pickle,
  PickleFloat,
  type PickleLimits,
  PickleTuple,
  type PickleValue,
  tagged,
  text,
} from "../../../lib/framing/mod.ts";
import { type Reply, resp } from "../codecs/resp.ts";
import { code } from "./code.ts";
import { KINDS, pickleOfKeys, pickleOfShared, USES, WRAPS } from "./costly.ts";
import {
  pickleDecodesOrFails,
  pickleRoundTrips,
  pickleTimeIsLinear,
  roundTrips,
  sameAsStream,
  sameForAnySplit,
  streamRoundTrips,
} from "./properties.ts";

/** A property and its arguments. */
export interface Case {
  /** Checks the property; throws if it does not hold. */
  run(): void | Promise<void>;
  /** A TypeScript expression that does the same. */
  code: string;
}

/** Cases of one kind. */
export interface Target {
  name: string;
  cases: fc.Arbitrary<Case>;
  /** Whether a case takes about a hundred times as long as usual, or much longer if it fails. */
  isSlow?: boolean;
}

/** A slow target runs one case where others run this many. */
export const SLOW_FACTOR = 40;

/** The result of running cases of a target. */
export interface Result {
  /** Number of cases run. */
  cases: number;
  /** The case that failed, if any: the error's message, a test to paste, and the path to repeat the case. */
  found?: { message: string; test: string; path: string };
}

/** Runs random cases of a target, the same ones for the same seed. A failed case is shrunk, unless the target is slow. */
export async function runTarget(
  { name, cases, isSlow = false }: Target,
  { seed, runs, path }: { seed: number; runs: number; path?: string },
): Promise<Result> {
  const property = fc.asyncProperty(cases, async (testCase) => await testCase.run());
  const numRuns = isSlow ? Math.ceil(runs / SLOW_FACTOR) : runs;
  const details = await fc.check(property, {
    seed,
    numRuns,
    endOnFailure: isSlow,
    ...(path === undefined ? {} : { path }),
  });
  if (!details.failed) return { cases: details.numRuns };
  const { counterexample, counterexamplePath, errorInstance } = details;
  const message = errorInstance instanceof Error
    ? `${errorInstance.name}: ${errorInstance.message}`
    : "no case was made";
  const test = `Deno.test("found: ${name}, seed ${seed}, path ${counterexamplePath}", () => ${
    counterexample?.[0].code ?? ""
  });`;
  return { cases: details.numRuns, found: { message, test, path: counterexamplePath ?? "" } };
}

/** A framing to test. */
interface Sample {
  framing: Framing<unknown, unknown>;
  /** A TypeScript expression that creates the framing. */
  code: string;
  /** Creates a message from any bytes. */
  fit: (bytes: Uint8Array) => unknown;
}

type Samples = fc.Arbitrary<Sample>;
type Bytes = Framing<Uint8Array>;

function sample(framing: Framing<unknown, never>, code: string, fit: Sample["fit"] = (bytes) => bytes): Sample {
  return { framing: framing as Framing<unknown, unknown>, code, fit };
}

/** Maximum length of an encoded message in bytes. */
const LONGEST_MESSAGE = 420;

/** Bytes of headers and delimiters, and bytes that make them malformed. */
const significantByte = fc.oneof(
  fc.constantFrom(...new TextEncoder().encode("0123456789 :,\n\r\0aABCZ+-_."), 0x80, 0xc3, 0xff),
  fc.nat(255),
);
const anyBytes = fc.oneof(
  { weight: 4, arbitrary: fc.array(significantByte, { maxLength: 14 }) },
  { weight: 1, arbitrary: fc.array(significantByte, { maxLength: 400 }) },
).map((bytes) => Uint8Array.from(bytes));
const maxLength = fc.oneof(fc.nat(20), fc.constantFrom(255, 256, 65_536, 1024 * 1024, 2 ** 40));

const fixedFramings: Samples = fc.integer({ min: 1, max: 40 }).map((length) =>
  sample(fixed(length), `fixed(${length})`, (bytes) => concat([bytes, new Uint8Array(length)]).subarray(0, length))
);

const delimiters = fc.oneof(
  fc.constantFrom("\n", "\0", "\r\n", "aab", "aa", "\r\n\r\n", "aabaa").map((text) => new TextEncoder().encode(text)),
  fc.array(fc.constantFrom(0x61, 0x0a, 0xff), { minLength: 1, maxLength: 6 }).map((bytes) => Uint8Array.from(bytes)),
);
const unterminated = fc.constantFrom("message" as const, "error" as const);

const delimitedFramings: Samples = fc.tuple(delimiters, fc.record({ maxLength, unterminated }))
  .map(([delimiter, options]) =>
    sample(delimited(delimiter, options), `delimited(${code(delimiter)}, ${code(options)})`)
  );
const linesFramings: Samples = fc.record({ maxLength, unterminated })
  .map((options) => sample(lines(options), `lines(${code(options)})`));
const decimalFramings: Samples = fc.record({ maxLength })
  .map((options) => sample(decimalHeader(options), `decimalHeader(${code(options)})`));
const prefixFramings: Samples = fc.record({
  bytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
  endian: fc.constantFrom("big" as const, "little" as const),
  maxLength,
}).map((options) => sample(lengthPrefix(options), `lengthPrefix(${code(options)})`));
const fieldFramings: Samples = fc.record({
  bytes: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const, 8 as const, "varint" as const),
  endian: fc.constantFrom("big" as const, "little" as const),
  offset: fc.nat(3),
  adjustment: fc.integer({ min: -10, max: 5 }),
  maxLength,
}).chain((options): fc.Arbitrary<LengthFieldOptions> => {
  const { bytes, offset } = options;
  const strips = bytes === "varint" ? [undefined, offset] : [undefined, offset, offset + bytes, offset + bytes + 2];
  return fc.constantFrom(...strips).map((strip) => ({ ...options, strip }));
}).map((options) => sample(lengthField(options), `lengthField(${code(options)})`));
const netstringFramings: Samples = fc.record({ maxLength })
  .map((options) => sample(netstring(options), `netstring(${code(options)})`));
const taggedFramings: Samples = fc.dictionary(
  fc.constantFrom("A", "B", "C", "Z", "0", "\n", "\0", "\xff"),
  fc.nat(20),
  { minKeys: 1, noNullPrototype: true },
).map((table) =>
  sample(tagged(table), `tagged(${code(table)})`, (bytes) => {
    const types = Object.keys(table);
    const type = types[(bytes[0] ?? 0) % types.length]!;
    return { type, body: concat([bytes, new Uint8Array(20)]).subarray(0, table[type]) };
  })
);

const anyFraming: Samples = fc.oneof(
  fixedFramings,
  delimitedFramings,
  linesFramings,
  decimalFramings,
  prefixFramings,
  fieldFramings,
  netstringFramings,
);

/** Any framing of bytes with a codec. */
function over(name: string, codec: (framing: Bytes) => Framing<unknown, never>): Samples {
  return anyFraming.map(({ framing, code }) => sample(codec(framing as Bytes), `${name}(${code})`));
}

/** A change to a stream at random offsets, modulo its length. */
type Mutation = (bytes: Uint8Array) => Uint8Array;

const offset = fc.nat(1000);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(offset, fc.nat(7)).map(([at, bit]): Mutation => (bytes) =>
    bytes.map((byte, index) => index === at % bytes.length ? byte ^ (1 << bit) : byte)
  ),
  offset.map((end): Mutation => (bytes) => bytes.subarray(0, end % (bytes.length + 1))),
  fc.tuple(offset, anyBytes).map(([at, inserted]): Mutation => (bytes) => splice(bytes, at, 0, inserted)),
  fc.tuple(offset, offset, offset).map(([from, to, at]): Mutation => (bytes) =>
    splice(bytes, at, 0, bytes.slice(from % (bytes.length + 1), to % (bytes.length + 1)))
  ),
  fc.tuple(offset, fc.nat(12)).map(([at, count]): Mutation => (bytes) => splice(bytes, at, count, new Uint8Array())),
  // Overwrite bytes with digits: wrong lengths.
  fc.tuple(offset, fc.stringMatching(/^[\d :]{1,11}$/)).map(([at, digits]): Mutation => (bytes) =>
    splice(bytes, at, digits.length, new TextEncoder().encode(digits))
  ),
);

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const start = at % (bytes.length + 1);
  return concat([bytes.subarray(0, start), inserted, bytes.subarray(start + removed)]);
}

function mutated(bytes: Uint8Array, mutations: Mutation[]): Uint8Array {
  return mutations.reduce((changed, mutate) => mutate(changed), bytes);
}

/** The first bytes of other protocols, which errors recognise. */
const otherProtocols = fc.constantFrom(
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\n",
  "SSH-2.0-OpenSSH_9.2\r\n",
  "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
  "\x15\x03\x03\0\x02\x02\x46",
  "5         alice",
  "5:alice,",
  "Hello server!\n",
  "\0\0\0\x05hello",
  "\x05\0\0\0hello",
  "\x80\x04]\x94.",
).map((text) => Uint8Array.from(text, (character) => character.charCodeAt(0)));

const offsets = fc.array(fc.nat(1000), { maxLength: 8 });
const mutations = fc.array(mutation, { maxLength: 4 });

/** Returns a target for all properties of framings. */
function framingTarget(name: string, samples: Samples, message: fc.Arbitrary<unknown> = anyBytes): Target {
  const rawMessages = fc.array(message, { maxLength: 4 });
  const messagesOf = ({ framing, fit }: Sample, raw: unknown[]) =>
    raw.map((item) => item instanceof Uint8Array ? fit(item) : item).filter((message) => canEncode(framing, message));
  const streams = fc.oneof(
    fc.tuple(samples, anyBytes).map(([sample, bytes]) => ({ sample, bytes })),
    fc.tuple(samples, otherProtocols, mutations).map(([sample, bytes, mutations]) => ({
      sample,
      bytes: mutated(bytes, mutations),
    })),
    fc.tuple(samples, rawMessages, mutations).map(([sample, raw, mutations]) => {
      const { framing } = sample;
      const valid = concat(messagesOf(sample, raw).map((message) => framing.encode(message)));
      return { sample, bytes: mutated(valid, mutations) };
    }),
  );
  const cases = fc.oneof(
    fc.tuple(samples, rawMessages).map(([sample, raw]): Case => {
      const messages = messagesOf(sample, raw);
      return {
        run: () => roundTrips(sample.framing, messages),
        code: `roundTrips(${sample.code}, ${code(messages)})`,
      };
    }),
    {
      weight: 4,
      arbitrary: fc.tuple(streams, offsets, offsets).map(([{ sample, bytes }, one, other]): Case => ({
        run: () => sameForAnySplit(sample.framing, bytes, one, other),
        code: `sameForAnySplit(${sample.code}, ${code(bytes)}, ${code(one)}, ${code(other)})`,
      })),
    },
    fc.tuple(streams, offsets).map(([{ sample, bytes }, offsets]): Case => ({
      run: () => sameAsStream(sample.framing, bytes, offsets),
      code: `sameAsStream(${sample.code}, ${code(bytes)}, ${code(offsets)})`,
    })),
    fc.tuple(samples, rawMessages).map(([sample, raw]): Case => {
      const messages = messagesOf(sample, raw);
      return {
        run: () => streamRoundTrips(sample.framing, messages),
        code: `streamRoundTrips(${sample.code}, ${code(messages)})`,
      };
    }),
  );
  return { name, cases };
}

/** Whether the framing can encode a message, and the result is short enough to be split at every byte. */
function canEncode(framing: Framing<unknown, unknown>, message: unknown): boolean {
  try {
    return framing.encode(message).length <= LONGEST_MESSAGE;
  } catch {
    return false;
  }
}

const number = fc.oneof(fc.maxSafeInteger(), fc.double(), fc.constantFrom(0, -0, NaN, Infinity, 255, 256, 65_536));
const atom: fc.Arbitrary<PickleValue> = fc.oneof(
  fc.constantFrom(null, true, false),
  // A number beyond 2^53 could be an int or a float, so it cannot be encoded.
  number.map((value) => Number.isInteger(value) && !Number.isSafeInteger(value) ? new PickleFloat(value) : value),
  number.map((value) => new PickleFloat(value)),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 2100n), max: 2n ** 2100n }),
  fc.string({ unit: "binary" }),
  fc.constantFrom(255, 256, 70_000).map((length) => "é".repeat(length)),
  anyBytes,
);

/** Any plain data. */
export const { value: plainData } = fc.letrec<{ value: PickleValue; key: PickleValue }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    fc.array(tie("key"), { maxLength: 4 }).map((items) => new PickleTuple(items)),
  ),
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    atom,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(tie("value"), { maxLength: 5 }).map((items) => new PickleTuple(items)),
    fc.array(fc.tuple(tie("key"), tie("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
    // A shared value.
    tie("value").map((value) => [value, value]),
  ),
}));

/** Replies of Redis. */
const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.constantFrom("OK", null),
    fc.maxSafeInteger(),
    fc.string({ unit: "binary", maxLength: 5 }),
    fc.stringMatching(/^[ -~]{0,9}$/).map((error) => ({ error })),
    fc.array(tie("reply"), { maxLength: 2 }),
  ),
}));

/** Random opcodes and arguments. */
const opcodes = fc.array(
  fc.oneof(
    fc.constantFrom(...new TextEncoder().encode("(}]).0KMJNGXBCtaesuhjqr"), ...[0x80, 0x85, 0x86, 0x87]),
    fc.constantFrom(0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x94, 0x95, 0x93, 0x52, 0x81),
    fc.nat(8),
  ),
  { maxLength: 60 },
).map((body) => Uint8Array.of(0x80, 4, ...body, 0x2e));

const limits: fc.Arbitrary<Partial<PickleLimits>> = fc.record(
  { maxDepth: fc.nat(6), maxItems: fc.nat(60), maxSize: fc.nat(300) },
  { requiredKeys: [] },
);

const pickles = fc.oneof(
  opcodes,
  fc.tuple(plainData.filter((value) => pickled(value) !== undefined), mutations)
    .map(([value, mutations]) => mutated(pickled(value)!, mutations)),
);

function pickled(value: PickleValue): Uint8Array | undefined {
  try {
    return encodePickle(value);
  } catch {
    return undefined;
  }
}

const costly: fc.Arbitrary<Case> = fc.oneof(
  fc.record({
    value: fc.tuple(
      fc.constantFrom(0x8b, 0x58, 0x42),
      fc.constantFrom(0, 0x31, 0x61, 0x7f),
      fc.constantFrom(10, 1000, 50_000),
    ),
    wraps: fc.array(fc.constantFrom(...keysOf(WRAPS)), { maxLength: 12 }),
    uses: fc.array(fc.constantFrom(...keysOf(USES)), { minLength: 1, maxLength: 3 }),
  }).map((shared) => ({
    run: () => pickleTimeIsLinear(pickleOfShared(shared)),
    code: `pickleTimeIsLinear(pickleOfShared(${code(shared)}))`,
  })),
  fc.tuple(fc.constantFrom(...keysOf(KINDS)), fc.nat(100)).map(([kind, shift]) => ({
    run: () => pickleTimeIsLinear(pickleOfKeys(kind, shift)),
    code: `pickleTimeIsLinear(pickleOfKeys(${code(kind)}, ${shift}))`,
  })),
);

function keysOf<Table extends object>(table: Table): (keyof Table)[] {
  return Object.keys(table) as (keyof Table)[];
}

/** All targets. */
export const TARGETS: readonly Target[] = [
  framingTarget("fixed", fixedFramings),
  framingTarget("delimited", delimitedFramings),
  framingTarget("lines", linesFramings),
  framingTarget("decimal-header", decimalFramings),
  framingTarget("length-prefix", prefixFramings),
  framingTarget("length-field", fieldFramings),
  framingTarget("netstring", netstringFramings),
  framingTarget("tagged", taggedFramings),
  framingTarget("custom", fc.constant(sample(resp, "resp")), reply),
  framingTarget("text", over("text", text), fc.string({ unit: "binary", maxLength: 12 })),
  framingTarget("json", over("json", json), fc.jsonValue({ depthSize: "small", maxDepth: 2, stringUnit: "binary" })),
  framingTarget("pickle-framed", over("pickle", pickle), fc.oneof(fc.integer(), fc.string(), fc.constant(null))),
  {
    name: "pickle",
    cases: plainData.map((value) => ({ run: () => pickleRoundTrips(value), code: `pickleRoundTrips(${code(value)})` })),
  },
  {
    name: "pickle-bytes",
    cases: fc.tuple(pickles, limits).map(([bytes, limits]) => ({
      run: () => pickleDecodesOrFails(bytes, limits),
      code: `pickleDecodesOrFails(${code(bytes)}, ${code(limits)})`,
    })),
  },
  { name: "pickle-cost", cases: costly, isSlow: true },
];
