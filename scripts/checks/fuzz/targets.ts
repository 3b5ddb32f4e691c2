// Random framings, messages, streams and pickles for the properties to be tried on.

import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  decimalHeader,
  delimited,
  encodePickle,
  fixed,
  type Framing,
  json,
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
import { code } from "./code.ts";
import { apart, KINDS, sharing, USES, WRAPS } from "./costly.ts";
import {
  comesBack,
  comesBackFromStream,
  pickleComesBack,
  pickleIsReadOrRefused,
  pickleTakesItsTime,
  sameAsStream,
  sameHoweverCut,
} from "./properties.ts";

/** One case of a property. */
export interface Case {
  /** Tries it; throws if the property does not hold. */
  run(): void | Promise<void>;
  /** The TypeScript that tries it. */
  code: string;
}

/** What is fuzzed under one name. */
export interface Target {
  name: string;
  cases: fc.Arbitrary<Case>;
  /** Whether a case takes a hundred times as long as another's, or, once found, longer than anybody waits. */
  isSlow?: boolean;
}

/** By how much a slow target has fewer cases than another. */
export const SLOWER = 40;

/** What came of some cases. */
export interface Result {
  /** How many were tried. */
  cases: number;
  /** What was found: words, and a test to paste. */
  found?: { words: string; test: string; path: string };
}

/** Tries some cases of a target, the same ones for the same seed. Of what is slow, it tries few and makes none small. */
export async function tryTarget(
  { name, cases, isSlow = false }: Target,
  { seed, runs, path }: { seed: number; runs: number; path?: string },
): Promise<Result> {
  const property = fc.asyncProperty(cases, async (one) => await one.run());
  const numRuns = isSlow ? Math.ceil(runs / SLOWER) : runs;
  const details = await fc.check(property, {
    seed,
    numRuns,
    endOnFailure: isSlow,
    ...(path === undefined ? {} : { path }),
  });
  if (!details.failed) return { cases: details.numRuns };
  const { counterexample, counterexamplePath, errorInstance } = details;
  const words = errorInstance instanceof Error ? `${errorInstance.name}: ${errorInstance.message}` : "no case at all";
  const test = `Deno.test("found: ${name}, seed ${seed}, path ${counterexamplePath}", () => ${
    counterexample?.[0].code ?? ""
  });`;
  return { cases: details.numRuns, found: { words, test, path: counterexamplePath ?? "" } };
}

/** A framing, and the TypeScript that makes it. */
interface Sample {
  framing: Framing<unknown, unknown>;
  code: string;
  /** Makes of any bytes a message that it could carry. */
  fit: (bytes: Uint8Array) => unknown;
}

type Samples = fc.Arbitrary<Sample>;
type Bytes = Framing<Uint8Array>;

function sample(framing: Framing<unknown, never>, code: string, fit: Sample["fit"] = (bytes) => bytes): Sample {
  return { framing: framing as Framing<unknown, unknown>, code, fit };
}

/** The longest message in bytes on the wire. */
const LONGEST = 420;

/** What our headers and delimiters are made of, and what breaks them. */
const telling = fc.oneof(
  fc.constantFrom(...new TextEncoder().encode("0123456789 :,\n\r\0aABCZ+-_."), 0x80, 0xc3, 0xff),
  fc.nat(255),
);
const anyBytes = fc.oneof(
  { weight: 4, arbitrary: fc.array(telling, { maxLength: 14 }) },
  { weight: 1, arbitrary: fc.array(telling, { maxLength: 400 }) },
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
  netstringFramings,
);

/** A codec over any framing of bytes. */
function over(name: string, codec: (framing: Bytes) => Framing<unknown, never>): Samples {
  return anyFraming.map(({ framing, code }) => sample(codec(framing as Bytes), `${name}(${code})`));
}

/** One change of a stream, at places counted as parts of its length. */
type Mutation = (bytes: Uint8Array) => Uint8Array;

const place = fc.nat(1000);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(([at, bit]): Mutation => (bytes) =>
    bytes.map((byte, index) => index === at % bytes.length ? byte ^ (1 << bit) : byte)
  ),
  place.map((end): Mutation => (bytes) => bytes.subarray(0, end % (bytes.length + 1))),
  fc.tuple(place, anyBytes).map(([at, inserted]): Mutation => (bytes) => splice(bytes, at, 0, inserted)),
  fc.tuple(place, place, place).map(([from, to, at]): Mutation => (bytes) =>
    splice(bytes, at, 0, bytes.slice(from % (bytes.length + 1), to % (bytes.length + 1)))
  ),
  fc.tuple(place, fc.nat(12)).map(([at, count]): Mutation => (bytes) => splice(bytes, at, count, new Uint8Array())),
  // Digits over whatever stands there: lengths that are not.
  fc.tuple(place, fc.stringMatching(/^[\d :]{1,11}$/)).map(([at, digits]): Mutation => (bytes) =>
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

/** How streams of other protocols begin, which errors name. */
const strangers = fc.constantFrom(
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

const cuts = fc.array(fc.nat(1000), { maxLength: 8 });
const mutations = fc.array(mutation, { maxLength: 4 });

/** All the properties of framings. */
function framingTarget(name: string, samples: Samples, message: fc.Arbitrary<unknown> = anyBytes): Target {
  const short = fc.array(message, { maxLength: 4 });
  const sent = ({ framing, fit }: Sample, raw: unknown[]) =>
    raw.map((one) => one instanceof Uint8Array ? fit(one) : one).filter((one) => canEncode(framing, one));
  const streams = fc.oneof(
    fc.tuple(samples, anyBytes).map(([sample, bytes]) => ({ sample, bytes })),
    fc.tuple(samples, strangers, mutations).map(([sample, bytes, mutations]) => ({
      sample,
      bytes: mutated(bytes, mutations),
    })),
    fc.tuple(samples, short, mutations).map(([sample, raw, mutations]) => {
      const { framing } = sample;
      const valid = concat(sent(sample, raw).map((one) => framing.encode(one)));
      return { sample, bytes: mutated(valid, mutations) };
    }),
  );
  const cases = fc.oneof(
    fc.tuple(samples, short).map(([sample, raw]): Case => {
      const messages = sent(sample, raw);
      return {
        run: () => comesBack(sample.framing, messages),
        code: `comesBack(${sample.code}, ${code(messages)})`,
      };
    }),
    {
      weight: 4,
      arbitrary: fc.tuple(streams, cuts, cuts).map(([{ sample, bytes }, one, other]): Case => ({
        run: () => sameHoweverCut(sample.framing, bytes, one, other),
        code: `sameHoweverCut(${sample.code}, ${code(bytes)}, ${code(one)}, ${code(other)})`,
      })),
    },
    fc.tuple(streams, cuts).map(([{ sample, bytes }, places]): Case => ({
      run: () => sameAsStream(sample.framing, bytes, places),
      code: `sameAsStream(${sample.code}, ${code(bytes)}, ${code(places)})`,
    })),
    fc.tuple(samples, short).map(([sample, raw]): Case => {
      const messages = sent(sample, raw);
      return {
        run: () => comesBackFromStream(sample.framing, messages),
        code: `comesBackFromStream(${sample.code}, ${code(messages)})`,
      };
    }),
  );
  return { name, cases };
}

/** Whether a framing can carry a message, and it is short enough to be cut at every byte. */
function canEncode(framing: Framing<unknown, unknown>, message: unknown): boolean {
  try {
    return framing.encode(message).length <= LONGEST;
  } catch {
    return false;
  }
}

const number = fc.oneof(fc.maxSafeInteger(), fc.double(), fc.constantFrom(0, -0, NaN, Infinity, 255, 256, 65_536));
const atom: fc.Arbitrary<PickleValue> = fc.oneof(
  fc.constantFrom(null, true, false),
  // Beyond 2^53 a number might be an int or a float.
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
    // What is in it twice.
    tie("value").map((value) => [value, value]),
  ),
}));

/** What a machine of opcodes is made of. */
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
    thing: fc.tuple(
      fc.constantFrom(0x8b, 0x58, 0x42),
      fc.constantFrom(0, 0x31, 0x61, 0x7f),
      fc.constantFrom(10, 1000, 50_000),
    ),
    wraps: fc.array(fc.constantFrom(...keysOf(WRAPS)), { maxLength: 12 }),
    uses: fc.array(fc.constantFrom(...keysOf(USES)), { minLength: 1, maxLength: 3 }),
  }).map((shared) => ({
    run: () => pickleTakesItsTime(sharing(shared)),
    code: `pickleTakesItsTime(sharing(${code(shared)}))`,
  })),
  fc.tuple(fc.constantFrom(...keysOf(KINDS)), fc.nat(100)).map(([kind, shift]) => ({
    run: () => pickleTakesItsTime(apart(kind, shift)),
    code: `pickleTakesItsTime(apart(${code(kind)}, ${shift}))`,
  })),
);

function keysOf<Table extends object>(table: Table): (keyof Table)[] {
  return Object.keys(table) as (keyof Table)[];
}

/** Everything that is fuzzed. */
export const TARGETS: readonly Target[] = [
  framingTarget("fixed", fixedFramings),
  framingTarget("delimited", delimitedFramings),
  framingTarget("lines", linesFramings),
  framingTarget("decimal-header", decimalFramings),
  framingTarget("length-prefix", prefixFramings),
  framingTarget("netstring", netstringFramings),
  framingTarget("tagged", taggedFramings),
  framingTarget("text", over("text", text), fc.string({ unit: "binary", maxLength: 12 })),
  framingTarget("json", over("json", json), fc.jsonValue({ depthSize: "small", maxDepth: 2, stringUnit: "binary" })),
  framingTarget("pickle-framed", over("pickle", pickle), fc.oneof(fc.integer(), fc.string(), fc.constant(null))),
  {
    name: "pickle",
    cases: plainData.map((value) => ({ run: () => pickleComesBack(value), code: `pickleComesBack(${code(value)})` })),
  },
  {
    name: "pickle-bytes",
    cases: fc.tuple(pickles, limits).map(([bytes, limits]) => ({
      run: () => pickleIsReadOrRefused(bytes, limits),
      code: `pickleIsReadOrRefused(${code(bytes)}, ${code(limits)})`,
    })),
  },
  { name: "pickle-cost", cases: costly, isSlow: true },
];
