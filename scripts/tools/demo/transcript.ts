import { blue, dim, green, yellow } from "@std/fmt/colors";
import { concat } from "@std/bytes/concat";
import { type FramePart, FrameScanner, parseFraming } from "../../../lib/framing/mod.ts";
import { escapeBytes } from "../../../lib/log/mod.ts";
import type { Direction, ProxyTap } from "../../../lib/record/mod.ts";

/** How many bytes of a message are shown. */
const SHOWN_BYTES = 64;

/** The style of a transcript. */
export interface Style {
  /** Whether to show the bytes as well. */
  bytes: boolean;
  /** Whether to use colours. */
  colors: boolean;
}

/** A part with its bytes. */
type ShownPart = Pick<FramePart, "role"> & { bytes: Uint8Array };

/** One direction of one connection. */
interface Stream {
  scanner: FrameScanner;
  /** The parts of the message under way. */
  parts: FramePart[];
  /** Its bytes. */
  pending: Uint8Array;
}

/** Prints messages with their sender and receiver as they pass, from the bytes on the wire. */
export class Transcript {
  /** Number of messages, or of chunks without a framing. */
  messages = 0;
  /** Number of bytes. */
  bytes = 0;
  readonly #framing: string | undefined;
  readonly #style: Style;
  readonly #streams = new Map<string, Stream>();
  /** The names of clients, by their addresses. */
  readonly #names = new Map<string, string>();

  /** @param framing The name of the framing. Without it, chunks and datagrams are shown as they arrive. */
  constructor(framing: string | undefined, style: Style) {
    this.#framing = framing;
    this.#style = style;
  }

  /** The tap of a proxy, which shows what the proxy receives. */
  tap(): ProxyTap {
    const peers: string[] = [];
    return {
      opened: (connection, peer) => void (peers[connection] = peer),
      received: (connection, way, _at, bytes) => this.#add(peers[connection]!, way, bytes.slice()),
    };
  }

  #add(peer: string, direction: Direction, chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.#framing === undefined) return this.#show(peer, direction, [{ role: "payload", bytes: chunk }]);
    const key = `${peer} ${direction}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = { scanner: new FrameScanner(parseFraming(this.#framing)), parts: [], pending: new Uint8Array() };
      this.#streams.set(key, stream);
    }
    stream.parts.push(...stream.scanner.push(chunk));
    stream.pending = concat([stream.pending, chunk]);
    for (let first; (first = stream.parts[0]) && first.message !== stream.scanner.part?.message;) {
      const { message, start } = first;
      const parts = stream.parts.filter((part) => part.message === message);
      stream.parts.splice(0, parts.length);
      const { pending } = stream;
      this.#show(
        peer,
        direction,
        parts.map((part) => ({ ...part, bytes: pending.subarray(part.start - start, part.end! - start) })),
      );
      stream.pending = pending.subarray(parts.at(-1)!.end! - start);
    }
  }

  #show(peer: string, direction: Direction, parts: ShownPart[]): void {
    this.messages++;
    const { bytes, colors } = this.#style;
    const paint = (color: (text: string) => string, text: string) => colors && text !== "" ? color(text) : text;
    const client = this.#nameOf(peer);
    const who = direction === "up" ? `${client} -> Server` : `Server -> ${client}`;
    const payload = parts.find(({ role }) => role === "payload")!;
    console.log(`  ${paint(blue, who.padEnd(18))}  ${shown(payload.bytes, escapeBytes)}`);
    if (!bytes) return;
    const hex = parts.filter((part) => part.bytes.length > 0 || part === payload)
      .map((part) => paint(part === payload ? green : yellow, shown(part.bytes, hexOf) || "(empty)"));
    const lengths = parts.map((part) => part.bytes.length).filter((length) => length > 0).join(" + ") || "0";
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
