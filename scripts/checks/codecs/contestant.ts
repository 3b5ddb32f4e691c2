import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { FrameDecoderStream, type Framing } from "@wirebench/wirebench/framing";

/** Receives each message of a stream. */
export type Sink<Message = unknown> = (message: Message) => void;

/** The groups of contestants: this library, packages, and loops that show what is possible. */
export type Side = "own" | "peer" | "limit";

/** One way to decode a stream of bytes. */
export interface Contestant<Message = unknown> {
  name: string;
  side: Side;
  /** How to feed it: by function calls, as a Node stream or as a web stream. */
  fed: "calls" | "node" | "web";
  /**
   * Decodes a stream to its end. Fed by calls, it takes the next chunk when it is done with the last one.
   *
   * @throws The decoder's error.
   */
  decode(chunks: Iterable<Uint8Array>, sink: Sink<Message>): void | Promise<void>;
}

/** Cuts a stream into chunks of one size, each with its own memory. */
export function cut(stream: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(stream.length / size) }, (_, at) => stream.slice(at * size, (at + 1) * size));
}

/** Makes chunks what a contestant would get from a socket: a `Buffer` each for Node, with the same memory. */
export function chunksFor(fed: Contestant["fed"], chunks: Uint8Array[]): Uint8Array[] {
  return fed === "node" ? chunks.map((chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)) : chunks;
}

/** A framing of this library. */
export function own<Message>(framing: Framing<Message, never>): Contestant<Message> {
  return {
    name: "Wirebench",
    side: "own",
    fed: "calls",
    decode(chunks, sink) {
      const decoder = framing.decoder();
      for (const chunk of chunks) for (const message of decoder.push(chunk)) sink(message);
      for (const message of decoder.end()) sink(message);
      if (decoder.failure !== undefined) throw decoder.failure;
    },
  };
}

/** The same framing as a web stream. */
export function ownStream<Message>(framing: Framing<Message, never>): Contestant<Message> {
  const decode = web((bytes) => bytes.pipeThrough(new FrameDecoderStream(framing)));
  return { name: "Wirebench, web stream", side: "own", fed: "web", decode };
}

/** Decodes with a stream of Node: writes all chunks, waits when it says so, and listens for `data`. */
export function node<Message>(make: () => Duplex): Contestant<Message>["decode"] {
  return async (chunks, sink) => {
    const stream = make().on("data", sink);
    const end = finished(stream);
    end.catch(() => {}); // `once` throws the same error first, if it waits.
    for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, "drain");
    stream.end();
    await end;
  };
}

/** Decodes with web streams. */
export function web<Message>(
  through: (bytes: ReadableStream<Uint8Array>) => ReadableStream<Message>,
): Contestant<Message>["decode"] {
  return async (chunks, sink) => {
    const iterator = chunks[Symbol.iterator]();
    const bytes = new ReadableStream<Uint8Array>({
      pull(controller) {
        const { value, done } = iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    }, { highWaterMark: 0 });
    const reader = through(bytes).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      sink(value);
    }
  };
}
