// Benchmarks of the framings and the pickle codec, without sockets. An iteration processes the number of messages in the
// benchmark's name, about 1 MiB in total. Decoders receive chunks of the size that a busy socket reads.

import { concat } from "@std/bytes/concat";
import {
  decimalHeader,
  decodePickle,
  delimited,
  encodePickle,
  fixed,
  type Framing,
  json,
  type JsonValue,
  lengthPrefix,
  lines,
  netstring,
  type PickleValue,
  tagged,
  text,
} from "@wirebench/wirebench/framing";

const BATCH = 1024 * 1024;
const CHUNK = 64 * 1024;
const SIZES = [[64, "64 B"], [1024, "1 KiB"], [256 * 1024, "256 KiB"]] as const;

/** Keeps results observable, so that their computation is not optimised away. */
export let sink: unknown;

function bench<Message>(name: string, framing: Framing<Message>, message: Message, size: number, shown: string): void {
  const count = BATCH / size;
  const stream = concat(new Array(count).fill(framing.encode(message)));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += CHUNK) chunks.push(stream.subarray(at, at + CHUNK));
  const group = `${count} × ${shown}`;
  Deno.bench(`decode ${name}, ${group}`, { group: `decode ${group}` }, () => {
    const decoder = framing.decoder();
    let messages = 0;
    for (const chunk of chunks) messages += decoder.push(chunk).length;
    if (messages !== count) throw new Error(`Expected ${count} messages, got ${messages}`);
  });
  Deno.bench(`encode ${name}, ${group}`, { group: `encode ${group}` }, () => {
    for (let messages = 0; messages < count; messages++) sink = framing.encode(message);
  });
}

for (const [size, shown] of SIZES) {
  const message = new Uint8Array(size).fill(0x78);
  bench("fixed", fixed(size), message, size, shown);
  bench("delimited", delimited("\n"), message, size, shown);
  bench("lines", lines(), message, size, shown);
  bench("decimalHeader", decimalHeader(), message, size, shown);
  bench("lengthPrefix", lengthPrefix({ bytes: 4 }), message, size, shown);
  bench("netstring", netstring(), message, size, shown);
  bench("tagged", tagged({ A: size }), { type: "A", body: message }, size, shown);
  bench("text(lines)", text(lines()), "x".repeat(size), size, shown);
  bench<JsonValue>("json(lengthPrefix)", json(lengthPrefix({ bytes: 4 })), { text: "x".repeat(size) }, size, shown);
}

const VALUES: [string, PickleValue][] = [
  ["the tutorial's dict", new Map([[1, "Hey"], [2, "There"]])],
  ["a list of 1,000 numbers", Array.from({ length: 1000 }, (_, at) => at * 1.5)],
  ["a dict of 1,000 texts", new Map(Array.from({ length: 1000 }, (_, at) => [`key ${at}`, `value ${at}`]))],
  ["bytes, 256 KiB", new Uint8Array(256 * 1024)],
];

for (const [name, value] of VALUES) {
  const pickled = encodePickle(value);
  Deno.bench(`decodePickle ${name}`, { group: "pickle" }, () => void (sink = decodePickle(pickled)));
  Deno.bench(`encodePickle ${name}`, { group: "pickle" }, () => void (sink = encodePickle(value)));
}
