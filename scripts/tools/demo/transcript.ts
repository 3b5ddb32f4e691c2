import { blue, dim, green, yellow } from "@std/fmt/colors";
import type { Framing } from "../../../lib/framing/mod.ts";
import { escapeBytes } from "../../../lib/log/mod.ts";
import type { Direction } from "./relay.ts";

/** How much of one message is shown, in bytes. */
const SHOWN_BYTES = 64;

/** How to write to a terminal, or not to one. */
export interface Style {
  /** Whether to show the bytes too. */
  bytes: boolean;
  colors: boolean;
}

/** How messages are told apart, and where in their frames they stand. */
export interface Cut {
  /** Starts to read one direction: takes some bytes, gives the payloads they complete. */
  reader(): (bytes: Uint8Array) => Uint8Array[];
  /** How many bytes stand before a payload; what follows it is the rest of the frame. */
  header: number;
}

/** Cuts by a framing of bytes, or by one whose messages have their bytes in them. */
export function cutBy<Message>(
  framing: Framing<Message, never>,
  header: number,
  payloadOf: (message: Message) => Uint8Array,
): Cut {
  return {
    header,
    reader() {
      const decoder = framing.decoder();
      return (bytes) => decoder.push(bytes).map(payloadOf);
    },
  };
}

/** One direction of one connection, cut into messages for the eye. */
interface Line {
  read(bytes: Uint8Array): Uint8Array[];
  /** What came since the last message ended. */
  begun: number[];
}

/** Shows who says what to whom, as it happens, from the bytes on the wire. */
export class Transcript {
  /** How many messages, or chunks of a stream, have passed. */
  messages = 0;
  /** How many bytes have passed. */
  bytes = 0;
  readonly #cut: Cut | undefined;
  readonly #style: Style;
  readonly #lines = new Map<string, Line>();
  /** What clients are called, by their addresses. */
  readonly #names = new Map<string, string>();

  /** @param cut How messages are told apart; without it every chunk, or datagram, is shown as it comes. */
  constructor(cut: Cut | undefined, style: Style) {
    this.#cut = cut;
    this.#style = style;
  }

  /** Takes what passed by. */
  passed(peer: string, direction: Direction, chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.#cut === undefined) return this.#show(peer, direction, new Uint8Array(), chunk, new Uint8Array());
    const key = `${peer} ${direction}`;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, line = { read: this.#cut.reader(), begun: [] });
    // A byte at a time, so that it shows where in the real bytes each message begins and ends.
    for (const byte of chunk) {
      line.begun.push(byte);
      for (const payload of line.read(Uint8Array.of(byte))) {
        const frame = Uint8Array.from(line.begun.splice(0));
        const { header } = this.#cut;
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
  return write(bytes.subarray(0, SHOWN_BYTES)) + (more > 0 ? ` (and ${more} bytes more)` : "");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
