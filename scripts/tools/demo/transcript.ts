import { blue, dim, green, yellow } from "@std/fmt/colors";
import type { Framing } from "../../../lib/framing/mod.ts";
import { escapeBytes } from "../../../lib/log/mod.ts";
import type { Direction } from "./relay.ts";

/** How many bytes of a message are shown. */
const SHOWN_BYTES = 64;

/** The style of a transcript. */
export interface Style {
  /** Whether to show the bytes as well. */
  bytes: boolean;
  /** Whether to use colours. */
  colors: boolean;
}

/** Splits a byte stream into messages. */
export interface Splitter {
  /** Starts one direction of a connection: the result takes bytes and returns the payloads that they complete. */
  start(): (bytes: Uint8Array) => Uint8Array[];
  /** The number of bytes before a payload. The bytes after it are the trailer. */
  header: number;
}

/** Splits by a framing of bytes, or of messages that contain bytes. */
export function splitBy<Message>(
  framing: Framing<Message, never>,
  header: number,
  payloadOf: (message: Message) => Uint8Array,
): Splitter {
  return {
    header,
    start() {
      const decoder = framing.decoder();
      return (bytes) => decoder.push(bytes).map(payloadOf);
    },
  };
}

/** One direction of one connection. */
interface Stream {
  split(bytes: Uint8Array): Uint8Array[];
  /** The bytes since the end of the last message. */
  pending: number[];
}

/** Prints messages with their sender and receiver as they pass, from the bytes on the wire. */
export class Transcript {
  /** Number of messages, or of chunks without a splitter. */
  messages = 0;
  /** Number of bytes. */
  bytes = 0;
  readonly #splitter: Splitter | undefined;
  readonly #style: Style;
  readonly #streams = new Map<string, Stream>();
  /** The names of clients, by their addresses. */
  readonly #names = new Map<string, string>();

  /** @param splitter Splits the bytes into messages. Without it, chunks and datagrams are shown as they arrive. */
  constructor(splitter: Splitter | undefined, style: Style) {
    this.#splitter = splitter;
    this.#style = style;
  }

  /** Adds a chunk or datagram. */
  add(peer: string, direction: Direction, chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.#splitter === undefined) return this.#show(peer, direction, new Uint8Array(), chunk, new Uint8Array());
    const key = `${peer} ${direction}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) this.#streams.set(key, stream = { split: this.#splitter.start(), pending: [] });
    // Split byte by byte, to find the bytes of each message.
    for (const byte of chunk) {
      stream.pending.push(byte);
      for (const payload of stream.split(Uint8Array.of(byte))) {
        const frame = Uint8Array.from(stream.pending.splice(0));
        const { header } = this.#splitter;
        this.#show(peer, direction, frame.subarray(0, header), payload, frame.subarray(header + payload.length));
      }
    }
  }

  #show(peer: string, direction: Direction, header: Uint8Array, payload: Uint8Array, trailer: Uint8Array): void {
    this.messages++;
    const { bytes, colors } = this.#style;
    const paint = (color: (text: string) => string, text: string) => colors && text !== "" ? color(text) : text;
    const client = this.#nameOf(peer);
    const who = direction === "to server" ? `${client} -> Server` : `Server -> ${client}`;
    console.log(`  ${paint(blue, who.padEnd(18))}  ${shown(payload, escapeBytes)}`);
    if (!bytes) return;
    const parts = [[yellow, header], [green, payload], [yellow, trailer]] as const;
    const hex = parts.filter(([color, part]) => part.length > 0 || color === green)
      .map(([color, part]) => paint(color, shown(part, hexOf) || "(empty)"));
    const lengths = parts.map(([, part]) => part.length).filter((length) => length > 0).join(" + ") || "0";
    console.log(`  ${paint(dim, `${lengths} bytes`.padEnd(18))}  ${hex.join(paint(dim, " | "))}`);
  }

  #nameOf(peer: string): string {
    let name = this.#names.get(peer);
    if (name === undefined) this.#names.set(peer, name = `Client ${this.#names.size + 1}`);
    return name;
  }
}

function shown(bytes: Uint8Array, write: (bytes: Uint8Array) => string): string {
  const more = bytes.length - SHOWN_BYTES;
  return write(bytes.subarray(0, SHOWN_BYTES)) + (more > 0 ? ` (and ${more} more bytes)` : "");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
