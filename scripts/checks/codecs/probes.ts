import { concat } from "@std/bytes/concat";
import { chunksFor, type Contestant, cut } from "./contestant.ts";
import type { Format } from "./formats.ts";

/** What a probe found. */
export interface Finding {
  /** In a word or two. */
  text: string;
  /** Whether a program can rely on it; `undefined` for a matter of taste. */
  good: boolean | undefined;
}

/** One property of a decoder, found by running it. `undefined` if its format cannot have it. */
export interface Probe {
  name: string;
  run(contestant: Contestant, format: Format): Promise<Finding | undefined>;
}

const good = (text: string): Finding => ({ text, good: true });
const bad = (text: string): Finding => ({ text, good: false });

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = 64 * KIB;
/** Length of a message without end, in chunks of 64 KiB. */
const ENDLESS = 8 * MIB / CHUNK;
/** Number of kept messages. */
const KEPT = 128;

/** Decodes a stream. Its chunks are copied and not overwritten. */
async function decode(
  contestant: Contestant,
  chunks: Iterable<Uint8Array>,
): Promise<{ messages: unknown[]; error?: string }> {
  const messages: unknown[] = [];
  try {
    await contestant.decode(copies(contestant, chunks), (message) => messages.push(message));
    return { messages };
  } catch (error) {
    return { messages, error: error instanceof Error ? error.message : String(error) };
  }
}

function* copies({ fed }: Contestant, chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) yield* chunksFor(fed, [chunk.slice()]);
}

/** Messages as one string, to compare and to show. */
function show(messages: unknown[]): string {
  return JSON.stringify(messages.map((message) => message instanceof Uint8Array ? latin1(message) : message));
}

const encoder = new TextEncoder();
const latin1 = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const utf8 = (text: string) => encoder.encode(text);

/** What the messages of these payloads should look like. */
function expected({ text }: Format, payloads: Uint8Array[]): string {
  return show(
    text ? payloads.map((payload) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload)) : payloads,
  );
}

/** All ways to cut a stream in two, and into chunks of one, two and three bytes. */
function* cutsOf(stream: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 1; at < stream.length; at++) yield [stream.subarray(0, at), stream.subarray(at)];
  for (const size of [1, 2, 3]) yield cut(stream, size);
}

/** Decodes a stream whole and with every cut, and returns where the messages differ from those wanted. */
async function differs(contestant: Contestant, stream: Uint8Array, wanted: string): Promise<"whole" | "cut" | false> {
  const decodes = async (chunks: Uint8Array[]) => {
    const { messages, error } = await decode(contestant, chunks);
    return error === undefined && show(messages) === wanted;
  };
  if (!await decodes([stream])) return "whole";
  for (const chunks of cutsOf(stream)) if (!await decodes(chunks)) return "cut";
  return false;
}

/** The bytes that the process holds. Without `--v8-flags=--expose-gc`, garbage is among them. */
function held(): number {
  const { gc } = globalThis as { gc?: () => void };
  for (let times = 0; times < 2; times++) gc?.(); // The first leaves buffers to be freed.
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Whether messages stay the same however their stream is cut. */
const cuts: Probe = {
  name: "cuts",
  async run(contestant, format) {
    if (format.whole) return undefined;
    const payloads = ["first", "2", "the third, which is longer", "4"].map(utf8);
    const where = await differs(contestant, concat(payloads.map(format.encode)), expected(format, payloads));
    return where ? bad(where === "whole" ? "wrong" : "wrong if cut") : good("same");
  },
};

/** Whether an empty message is one. */
const empty: Probe = {
  name: "empty message",
  async run(contestant, format) {
    if (format.whole) return undefined;
    const payloads = ["a", "", "b"].map(utf8);
    const { messages, error } = await decode(contestant, [concat(payloads.map(format.encode))]);
    if (error !== undefined) return bad("error");
    return show(messages) === expected(format, payloads) ? good("kept") : bad("lost");
  },
};

/** What becomes of a last message that is not complete. */
const end: Probe = {
  name: "truncated end",
  async run(contestant, { encode, whole, lines }) {
    const first = encode(utf8("a"));
    const last = encode(utf8("the last"));
    const results = new Set<string>();
    for (let length = 1; length < last.length; length++) {
      const stream = [...whole ? [] : [first], last.subarray(0, length)];
      const { messages, error } = await decode(contestant, [concat(stream)]);
      const complete = whole ? 0 : 1;
      results.add(error !== undefined ? "error" : messages.length > complete ? "delivered" : "lost");
    }
    const text = [...results].sort().join(" or ");
    return { text, good: text === "error" || (lines && text === "delivered") };
  },
};

/** Whether a message without end is refused before it fills the memory. */
const limit: Probe = {
  name: "limit",
  async run(contestant, { endless, whole }) {
    if (whole) return undefined;
    const before = held();
    let count = 0;
    let growth = 0;
    const filler = new Uint8Array(CHUNK).fill(0x78);
    const { error } = await decode(
      contestant,
      function* () {
        yield endless;
        for (; count < ENDLESS; count++) yield filler;
        growth = held() - before;
      }(),
    );
    if (count < ENDLESS) return good(count < 4 ? "at once" : `at ${Math.round(count * CHUNK / MIB)} MiB`);
    return growth < MIB ? { text: error === undefined ? "drops it" : "at the end", good: undefined } : bad("none");
  },
};

/** Whether a character may be cut in two. */
const characters: Probe = {
  name: "UTF-8 cut",
  async run(contestant, format) {
    if (!format.text || format.whole) return undefined;
    const payloads = ["Zoë", "€", "😀 done"].map(utf8);
    const where = await differs(contestant, concat(payloads.map(format.encode)), expected(format, payloads));
    return where ? bad("wrong") : good("right");
  },
};

/** What becomes of bytes that are not UTF-8. */
const invalid: Probe = {
  name: "not UTF-8",
  async run(contestant, { encode, text }) {
    if (!text) return undefined;
    const { messages, error } = await decode(contestant, [encode(Uint8Array.of(0x61, 0xff, 0x62))]);
    if (error !== undefined) return good("error");
    return bad(show(messages).includes("\ufffd") ? "replaced" : `gives ${show(messages)}`);
  },
};

/** Whether a byte order mark is part of its message. */
const mark: Probe = {
  name: "byte order mark",
  async run(contestant, format) {
    if (!format.text) return undefined;
    const payloads = format.whole ? ["\ufeffa"].map(utf8) : ["\ufeffa", "\ufeffb"].map(utf8);
    const { messages } = await decode(contestant, payloads.map(format.encode));
    const results = messages.map((message) => String(message).startsWith("\ufeff"));
    return results.every(Boolean) ? good("kept") : bad(results.some(Boolean) ? "first removed" : "removed");
  },
};

/** Whether a carriage return belongs to its newline, also if a cut comes between, and to nothing else. */
const carriageReturn: Probe = {
  name: "CR LF",
  async run(contestant, { lines }) {
    if (!lines) return undefined;
    const stream = utf8("a\r\nb\rc\r\n");
    const whole = show((await decode(contestant, [stream])).messages);
    if (await differs(contestant, stream, whole)) return bad("wrong if cut");
    if (whole === show(["a", "b\rc"])) return good("right");
    if (whole === show(["a\r", "b\rc\r"])) return { text: "CR kept", good: undefined };
    return bad(whole === show(["a", "b", "c"]) ? "CR ends a line" : `gives ${whole}`);
  },
};

/** Whether input that no correct peer sends is refused before more of it has come. */
const hostile: Probe = {
  name: "hostile input",
  async run(contestant, { hostile, whole }) {
    if (hostile.length === 0) return undefined;
    const taken: string[] = [];
    const awaited: string[] = [];
    const filler = new Uint8Array(CHUNK);
    for (const [name, bytes] of hostile) {
      let ended = false;
      const { messages, error } = await decode(
        contestant,
        function* () {
          yield bytes;
          // Long enough for streams to report an error before the end.
          for (let count = 0; count < 16 && !whole; count++) yield filler;
          ended = true;
        }(),
      );
      if (messages.length > 0) taken.push(name);
      else if (error === undefined || ended) awaited.push(name);
    }
    if (taken.length + awaited.length === 0) return good("refused");
    const lists = [["takes", taken], ["waits for the rest of", awaited]] as const;
    return bad(
      lists.filter(([, names]) => names.length > 0).map(([verb, names]) => `${verb} ${names.join(", ")}`).join("; "),
    );
  },
};

/** Whether messages survive that their chunks are overwritten, as by a loop that reads into one buffer. */
const overwritten: Probe = {
  name: "chunk overwritten",
  async run(contestant, format) {
    const payloads = format.text ? ["first", "second", "third"] : ["first", "second", "third", "x".repeat(200)];
    const stream = concat(payloads.slice(0, format.whole ? 1 : undefined).map((text) => format.encode(utf8(text))));
    const wanted = expected(format, payloads.slice(0, format.whole ? 1 : undefined).map(utf8));
    for (const size of [stream.length, 5]) {
      const chunks = chunksFor(contestant.fed, format.whole ? [stream.slice()] : cut(stream, size));
      const messages: unknown[] = [];
      await contestant.decode(
        function* () {
          for (const chunk of chunks) {
            yield chunk;
            // A decoder that is called is done with its chunk now; streams may have it in a queue.
            if (contestant.fed === "calls") chunk.fill(0xaa);
          }
        }(),
        (message) => messages.push(message),
      );
      for (const chunk of chunks) chunk.fill(0xaa);
      if (show(messages) !== wanted) return bad("corrupted");
    }
    return good("intact");
  },
};

/** How much memory a kept message of 16 bytes holds: out of a chunk of 64 KiB with many others, and if it came byte by byte. */
const memory: Probe = {
  name: "a kept 16 B holds",
  async run(contestant, { encode, whole }) {
    if (whole) return undefined;
    const message = encode(utf8("keep these bytes"));
    const other = encode(utf8("drop ".repeat(20)));
    const full = concat([message, ...Array(Math.floor(CHUNK / other.length) - 1).fill(other)]);
    const one = await kept(contestant, Array(KEPT).fill(full));
    const slow = await kept(contestant, Array(KEPT).fill(cut(message, 1)).flat());
    if (one === undefined || slow === undefined) return bad("loses it");
    return { text: `${size(one)}, ${size(slow)}`, good: one < CHUNK / 4 && slow < KIB };
  },
};

/** Decodes a stream and keeps some of its messages: the bytes that each holds. */
async function kept(contestant: Contestant, chunks: Uint8Array[]): Promise<number | undefined> {
  const messages: (string | Uint8Array)[] = [];
  const run = () =>
    contestant.decode(copies(contestant, chunks), (message) => {
      const [first] = message as string | Uint8Array;
      if (first === "k" || first === 0x6b) messages.push(message as string | Uint8Array);
    });
  await run(); // What is made only once is made now.
  messages.length = 0;
  const before = held();
  await run();
  await new Promise((resolve) => setTimeout(resolve)); // Streams let go of their last chunk later.
  const bytes = held() - before;
  return messages.length === KEPT ? Math.max(0, bytes / KEPT) : undefined;
}

/** A size as it can be measured: with garbage of some KiB in it. */
function size(bytes: number): string {
  return bytes < KIB ? "< 1 KiB" : `${Math.round(bytes / KIB)} KiB`;
}

/** All probes, in the order of the table. */
export const PROBES: Probe[] = [
  cuts,
  empty,
  end,
  limit,
  characters,
  invalid,
  mark,
  carriageReturn,
  overwritten,
  memory,
  hostile,
];

/** Runs a probe, and waits at most so many milliseconds for it. It cannot interrupt a decoder that never returns. */
export async function judge(
  probe: Probe,
  contestant: Contestant,
  format: Format,
  most = 20_000,
): Promise<Finding | undefined> {
  let timer;
  const late = new Promise<Finding>((resolve) => timer = setTimeout(() => resolve(bad("hangs")), most));
  try {
    return await Promise.race([probe.run(contestant, format), late]);
  } catch (error) {
    return bad(`throws ${error instanceof Error ? error.message : error}`);
  } finally {
    clearTimeout(timer);
  }
}
