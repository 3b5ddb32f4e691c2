// The judge's own sockets. They use node:net, since Deno has no way to reset a connection.

import { connect as connectSocket, type Socket } from "node:net";
import { concat } from "@std/bytes/concat";
import { escapeBytes, plural } from "../log/mod.ts";
import { NobodyThere, Wrong, type WrongOptions } from "./case.ts";
import { Patience, pause } from "./patience.ts";
import type { Direction } from "../record/event.ts";
import type { Tap, TappedConnection } from "./tap.ts";

/** The pause between two writes that must not arrive in one read, in milliseconds. */
const BETWEEN_WRITES = 20;
/** How long to look for bytes that should not come, in milliseconds. */
const A_MOMENT = 100;
/** How many bytes of each direction are kept and quoted. */
const QUOTED = 40;
/** The length of a write of a long message, in bytes. */
const WRITE = 64 * 1024;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const NO_NEWLINE = "A program that does not end its answer with a newline does this";
/** The mistake, if spaces around a text are missing. */
export const STRIPS = "A program that strips whitespace, which belongs to the message, does this";

const RESETS =
  "A program that closes while bytes wait to be read makes the system send a reset, which may destroy the " +
  "last answer";
const NO_END = "A program that does not close the socket, or still holds a file made from it, does this";

/** Where and how a {@linkcode Peer} connects. */
export interface PeerOptions {
  /** The host of the program. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** How long to wait for anything. */
  readonly patience: Patience;
  /** Records the bytes. */
  readonly tap?: Tap | undefined;
  /** Whom the judge plays, if it plays several. */
  readonly name?: string | undefined;
  /** Whether the program has connected to the judge, and not the judge to it. */
  readonly accepted?: boolean | undefined;
}

/** How the program ended its side of a connection. */
export type PeerEnd = "closed" | "reset";

/**
 * One side of a TCP connection with the program that is judged. Each wait has a deadline, and each complaint tells what
 * was sent and received. Nothing is read before it is asked for.
 */
export class Peer implements Disposable {
  readonly #socket: Socket;
  #patience: Patience;
  readonly #name: string | undefined;
  readonly #accepted: boolean;
  readonly #tapped: TappedConnection | undefined;
  readonly #sent = new Opening();
  readonly #received = new Opening();
  /** The directions of what the judge sends, and of what it receives. */
  readonly #to: Direction;
  readonly #from: Direction;
  #writes = 0;
  #ownEnd: "" | "ended my side" | "reset the connection" | "closed" = "";
  #end: PeerEnd | undefined;
  #rest: Uint8Array | undefined;
  #reading: Promise<Uint8Array | null> | undefined;
  /** Whether disposing of it leaves the connection open. */
  isKept = false;

  /** Takes over a connected socket, which must allow half-open connections. */
  constructor(socket: Socket, { patience, tap, name, accepted = false }: Omit<PeerOptions, "hostname" | "port">) {
    this.#socket = socket;
    this.#patience = patience;
    this.#name = name;
    this.#accepted = accepted;
    [this.#to, this.#from] = accepted ? ["down", "up"] : ["up", "down"];
    const address = accepted
      ? `${socket.remoteAddress}:${socket.remotePort}`
      : `${socket.localAddress}:${socket.localPort}`;
    this.#tapped = tap?.opened(address);
    socket.setNoDelay(true);
    socket.on("error", () => this.#ended("reset"));
    socket.on("end", () => this.#ended("closed"));
    socket.on("close", () => this.#ended("closed"));
  }

  /**
   * Connects to the program.
   *
   * @throws {NobodyThere} If the connection is refused.
   * @throws {Wrong} If it is not accepted in time.
   */
  static async connect(options: PeerOptions): Promise<Peer> {
    const { hostname, port, patience } = options;
    const socket = connectSocket({ host: hostname, port, allowHalfOpen: true });
    const connected = new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    try {
      await patience.limit(connected, () => new Wrong(`I could not connect within ${patience.seconds}`));
    } catch (error) {
      socket.destroy();
      if (error instanceof Wrong || error instanceof Deno.errors.NotCapable) throw error;
      if ((error as { code?: string }).code === "ECONNRESET") {
        throw new Wrong("I connected; you reset the connection at once", { mistake: RESETS });
      }
      throw new NobodyThere(`nobody listens at ${hostname}:${port}`, { cause: error });
    }
    return new Peer(socket, options);
  }

  /** Waits longer or shorter from now on. */
  with(patience: Patience): this {
    this.#patience = patience;
    return this;
  }

  /** Number of bytes sent so far. */
  get sent(): number {
    return this.#sent.length;
  }

  /** Number of bytes sent before the first bytes came. */
  sentBefore: number | undefined;

  /** Number of bytes received so far. */
  get received(): number {
    return this.#received.length;
  }

  /** What was received so far, in words. */
  get heard(): string {
    return this.received === 0 ? "nothing" : `${plural(this.received, "byte")}, ${this.#received.quoted}`;
  }

  /** How the program ended its side, as far as the judge has read. */
  get end(): PeerEnd | undefined {
    return this.#rest === undefined ? this.#end : undefined;
  }

  /**
   * Sends bytes in one write; long ones in several, one after another. Does nothing if the program has gone.
   *
   * @throws {Wrong} If the program stops reading.
   */
  async send(bytes: Uint8Array | string): Promise<void> {
    const data = bytesOf(bytes);
    for (let at = 0; at < data.length && !this.isGone; at += WRITE) {
      await this.#patience.limit(
        this.#write(data.subarray(at, at + WRITE)),
        () => this.wrong(`you read no more for ${this.#patience.seconds}`),
      );
    }
  }

  /** Reads while it sends; if reading fails, the connection is closed, so that nothing is sent any more. */
  async whileSending(sending: Promise<void>, reading: Promise<void>): Promise<void> {
    try {
      await Promise.all([sending, reading]);
    } catch (error) {
      this.close();
      await sending.catch(() => {});
      throw error;
    }
  }

  /**
   * Sends chunks, each in a write of its own, with a pause after each, so that a program reads them apart.
   *
   * @param milliseconds The pause.
   */
  async sendApart(chunks: Iterable<Uint8Array | string>, milliseconds: number = BETWEEN_WRITES): Promise<void> {
    for (const chunk of chunks) {
      if (this.isGone) return;
      await this.send(chunk);
      await pause(milliseconds);
    }
  }

  /** Sends bytes until the program reads no more for a while, until `most` bytes are sent, or as long as it may take. */
  async sendUntilFull(chunk: Uint8Array, most: number, patience: Patience, longest?: Patience): Promise<void> {
    let isOver = false;
    const send = async () => {
      while (!isOver && this.sent < most && !this.isGone) isOver = !await patience.allows(this.#write(chunk));
    };
    if (longest === undefined) return await send();
    isOver = !await longest.allows(send());
  }

  /** Ends the judge's side. */
  finish(): void {
    if (this.#ownEnd !== "") return;
    this.#ownEnd = "ended my side";
    this.#tapped?.ended(this.#to);
    if (!this.isGone) this.#socket.end();
  }

  /** Resets the connection. */
  async reset(): Promise<void> {
    this.#ownEnd = "reset the connection";
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once("close", () => resolve());
    });
    this.#socket.resetAndDestroy();
    this.#tapped?.closed("reset");
    await closed;
  }

  /** Closes the connection. */
  close(): void {
    if (this.#ownEnd === "") this.#ownEnd = "closed";
    this.#socket.destroy();
    this.#tapped?.closed("finished");
  }

  /** Closes the connection, unless it is kept. */
  [Symbol.dispose](): void {
    if (!this.isKept) this.close();
  }

  /**
   * Reads the next bytes that are there.
   *
   * @returns `null` if the program has ended or reset the connection.
   * @param patience How long to wait.
   * @param options The mistake, if it is another one than that of the case.
   * @throws {Wrong} If nothing comes in time.
   */
  async read(patience: Patience = this.#patience, options: WrongOptions = {}): Promise<Uint8Array | null> {
    if (this.#rest !== undefined) {
      const rest = this.#rest;
      this.#rest = undefined;
      return rest;
    }
    // A read that was late is still under way at the next call.
    this.#reading ??= this.#next();
    const chunk = await patience.limit(
      this.#reading,
      () => this.wrong(this.#silence(patience), { ...options, by: "silence" }),
    );
    this.#reading = undefined;
    if (chunk === null) return null;
    this.sentBefore ??= this.sent;
    this.#received.add(chunk);
    this.#tapped?.passed(this.#from, chunk);
    return chunk;
  }

  /** Puts bytes back, to be read again next. */
  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#rest = this.#rest === undefined ? bytes : concat([bytes, this.#rest]);
  }

  /** Reads exactly so many bytes. */
  async receive(length: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      const chunk = await this.read();
      if (chunk === null) throw this.wrong(this.#ending(length - missing, length));
      const taken = chunk.subarray(0, missing);
      this.unread(chunk.subarray(missing));
      missing -= taken.length;
      chunks.push(taken);
    }
    return chunks.length === 1 ? chunks[0]! : concat(chunks);
  }

  /**
   * Reads as many bytes as are expected, and compares them.
   *
   * @param bytes What must come.
   * @param ended The mistake, if the program ends its side early.
   */
  async expect(bytes: Uint8Array | string, ended: WrongOptions = {}): Promise<void> {
    const expected = bytesOf(bytes);
    for (let at = 0; at < expected.length;) {
      const mistake = forgotten(expected.subarray(at), expected[at - 1]);
      const options = mistake === undefined ? {} : { mistake };
      const chunk = await this.read(this.#patience, options);
      if (chunk === null) throw this.wrong(this.#ending(at, expected.length), { ...ended, ...options });
      const got = chunk.subarray(0, expected.length - at);
      const wrong = got.findIndex((byte, index) => byte !== expected[at + index]);
      if (wrong !== -1) {
        const from = at + wrong;
        const rest = expected.subarray(from);
        throw this.wrong(
          `byte ${from + 1} of ${expected.length} you answered is wrong: expected ${quote(rest)}, got ${
            quote(chunk.subarray(wrong))
          }`,
          { by: "bytes", ...(isStripped(rest, chunk[wrong]!) ? { mistake: STRIPS } : wrong === 0 ? options : {}) },
        );
      }
      this.unread(chunk.subarray(got.length));
      at += got.length;
    }
  }

  /**
   * Expects the program to end its side without another byte.
   *
   * @param resetIsEnd Whether a reset counts too.
   */
  async expectEnd(resetIsEnd = false): Promise<void> {
    const chunk = await this.read(this.#patience, resetIsEnd ? {} : { mistake: NO_END });
    if (chunk !== null) throw this.#tooMany(chunk);
    if (this.#end === "reset" && !resetIsEnd) {
      throw this.wrong("you reset the connection instead of ending it", { mistake: RESETS });
    }
  }

  /** Expects that no more bytes come: looks for the end, but only for a moment. */
  async expectNoMore(options: WrongOptions = {}): Promise<void> {
    const chunk = await this.read(this.#patience.of(A_MOMENT)).catch(() => null);
    if (chunk !== null) throw this.#tooMany(chunk, options);
  }

  /** Reads and drops what comes, and tells whether the program ends or resets the connection in time. */
  async endsWithin(patience: Patience): Promise<boolean> {
    const draining = async () => {
      while (await this.read(patience.of(Infinity)) !== null) { /* dropped */ }
    };
    return await patience.allows(draining());
  }

  /** Makes the complaint: what the judge did, and then what the program did. */
  wrong(you: string, options: WrongOptions = {}): Wrong {
    return new Wrong(`${this.did}; ${you}`, options);
  }

  /** What the judge did. */
  get did(): string {
    const who = this.#name === undefined ? "I" : `As ${this.#name}, I`;
    const { length } = this.#sent;
    const writes = this.#writes > 1 && this.#writes <= 1000 ? ` in ${this.#writes} writes` : "";
    const sent = length === 0 ? [] : [`sent ${plural(length, "byte")}${writes}, ${this.#sent.quoted}`];
    const acts = [...sent, ...(this.#ownEnd === "" ? [] : [this.#ownEnd])];
    const began = this.#accepted ? "accepted your connection" : "connected";
    return `${who} ${acts.length === 0 ? `${began} and sent nothing` : acts.join(" and ")}`;
  }

  #tooMany(chunk: Uint8Array, options?: WrongOptions): Wrong {
    return this.wrong(`you sent ${plural(chunk.length, "byte")} too many: ${quote(chunk)}`, {
      by: "bytes",
      ...options,
    });
  }

  #silence(patience: Patience): string {
    if (this.received === 0) return `you sent nothing within ${patience.seconds}`;
    return `you sent ${
      plural(this.received, "byte")
    }, ${this.#received.quoted}, and no more within ${patience.seconds}`;
  }

  #ending(got: number, expected: number): string {
    const act = this.#end === "reset" ? "reset the connection" : "closed";
    if (got === 0) {
      const before = this.received === 0 ? "" : ` after ${plural(this.received, "byte")}, ${this.#received.quoted}`;
      return `you ${act}${before === "" ? " without an answer" : before}`;
    }
    return `you ${act} after ${got} of ${expected} bytes, ${this.#received.quoted}`;
  }

  /** Whether the connection is closed or reset, as far as sending has shown. */
  get isGone(): boolean {
    return this.#end === "reset" || this.#socket.destroyed;
  }

  #ended(end: PeerEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (end === "reset") this.#tapped?.closed("reset");
    else this.#tapped?.ended(this.#from);
  }

  #write(data: Uint8Array): Promise<void> {
    this.#writes++;
    this.#sent.add(data);
    this.#tapped?.passed(this.#to, data);
    // Resolves too if the connection fails: reading tells how.
    return new Promise((resolve) => this.#socket.write(data, () => resolve()));
  }

  #next(): Promise<Uint8Array | null> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const events = ["readable", "end", "error", "close"];
      const look = () => {
        const chunk: Uint8Array | null = socket.read();
        if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
        for (const event of events) socket.off(event, look);
        resolve(chunk === null ? null : new Uint8Array(chunk));
      };
      for (const event of events) socket.on(event, look);
      look();
    });
  }
}

/** The mistake, if these expected bytes do not come: nothing else is as often forgotten. */
function forgotten(expected: Uint8Array, before: number | undefined): string | undefined {
  if (expected[0] === NEWLINE && before !== undefined && before !== NEWLINE) return NO_NEWLINE;
  return expected.every(isBlank) ? STRIPS : undefined;
}

/** Whether the expected bytes begin with spaces or tabs, and the byte that came is the first one after them. */
function isStripped(expected: Uint8Array, got: number): boolean {
  const rest = expected.findIndex((byte) => !isBlank(byte));
  return rest > 0 && expected[rest] === got;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** The number of bytes of a stream, and its first bytes. */
class Opening {
  length = 0;
  #first: Uint8Array = new Uint8Array();

  add(chunk: Uint8Array): void {
    this.length += chunk.length;
    const missing = QUOTED + 1 - this.#first.length;
    if (missing > 0) this.#first = concat([this.#first, chunk.subarray(0, missing)]);
  }

  get quoted(): string {
    return quote(this.#first);
  }
}

/** Quotes the first bytes. */
export function quote(bytes: Uint8Array): string {
  const shown = escapeBytes(bytes.subarray(0, QUOTED)).replaceAll('"', '\\"');
  return `"${shown}${bytes.length > QUOTED ? "..." : ""}"`;
}

const encoder = new TextEncoder();

/** Encodes a text in UTF-8; bytes are returned unchanged. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}
