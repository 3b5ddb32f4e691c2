import type { Framing } from "../../lib/framing/framing.ts";
import { partsOf } from "../../lib/framing/layout.ts";
import { parseFraming } from "../../lib/framing/named.ts";
import type { FramePart } from "../../lib/framing/scanner.ts";
import { mulberry32, type Random, seedOf } from "./random.ts";

/** One number, or the bounds of a number drawn at random each time, both included. */
export type Range = number | readonly [min: number, max: number];

/** Up is from client to server, down from server to client. */
export type Direction = "up" | "down";

/** Faults to inject. Without any, the proxy forwards everything unchanged. */
export interface FaultOptions {
  /** Splits writes into fragments of this length, in bytes from 1. Streams only. */
  cut?: Range | undefined;
  /** Delays each write or datagram by this time, in milliseconds. The order does not change. */
  delay?: Range | undefined;
  /** Limits the throughput to this rate, in bytes a second from 1. Streams only. */
  rate?: number | undefined;
  /** Joins all bytes received within this time into one write of 1 MiB at most, in milliseconds. Streams only. */
  join?: number | undefined;
  /** Stops reading from a side after this many bytes, and keeps the connection open. Streams only. */
  stopAfter?: Range | undefined;
  /** Resets the connection after this many bytes in one direction. Streams only. */
  resetAt?: Range | undefined;
  /** The framing of the messages: a name as `parseFraming` accepts it, or any framing. Streams only. */
  framing?: string | Framing<unknown, never> | undefined;
  /**
   * Resets the connection inside this part of a message: `header`, `payload`, `line`, `newline` ..., or `delimiter` for a
   * newline, colon or comma. A framing of one's own has the part `message` only. Streams only.
   */
  resetIn?: string | undefined;
  /**
   * The number of the message for `resetIn`, from 1.
   *
   * @default {1}
   */
  message?: number | undefined;
  /** Percentage of datagrams to drop. */
  lose?: number | undefined;
  /** Percentage of datagrams to send twice. */
  repeat?: number | undefined;
  /** Percentage of datagrams to hold back until the next one is sent, or for 0.1 s. */
  reorder?: number | undefined;
  /**
   * The direction in which the faults apply.
   *
   * @default {"both"}
   */
  direction?: Direction | "both" | undefined;
}

/** Options for streams only, and for datagrams only. */
const STREAM_OPTIONS = ["cut", "rate", "join", "stopAfter", "resetAt", "framing", "resetIn", "message"] as const;
const DATAGRAM_OPTIONS = ["lose", "repeat", "reorder"] as const;

/** The longest name of a framing, in characters: recordings contain it. */
const MAX_NAME = 1000;

/** The minimum of each option. */
const MINIMUM = { cut: 1, delay: 0, rate: 1, join: 0, stopAfter: 0, resetAt: 0, message: 1 } as const;

/**
 * Checks the options, and parses the framing.
 *
 * @param options The faults to inject.
 * @param datagrams Whether the proxy forwards datagrams instead of streams.
 * @returns The checked options.
 * @throws {RangeError} If an option is out of range, or for the other transport.
 * @throws {TypeError} If there is no such framing.
 */
export function checkFaults(options: FaultOptions, datagrams: boolean): Faults {
  const misplaced = (datagrams ? STREAM_OPTIONS : DATAGRAM_OPTIONS).find((name) => options[name] !== undefined);
  if (misplaced !== undefined) {
    throw new RangeError(`Cannot use ${optionName(misplaced)} here: it is for ${datagrams ? "streams" : "datagrams"}`);
  }
  for (const [name, minimum] of Object.entries(MINIMUM)) {
    const [min, max] = boundsOf(options[name as keyof typeof MINIMUM] ?? minimum);
    const whole = name === "delay" || name === "join" || name === "rate" || [min, max].every(Number.isSafeInteger);
    if (!(min >= minimum && min <= max && max < Infinity && whole)) {
      throw new RangeError(
        `Cannot use ${optionName(name)} ${formatRange([min, max])}: expected ${minimum} or more, the lower bound first`,
      );
    }
  }
  for (const name of DATAGRAM_OPTIONS) {
    const percent = options[name] ?? 0;
    if (!(percent >= 0 && percent <= 100)) {
      throw new RangeError(`Cannot use ${name} ${percent}: expected 0 to 100 percent`);
    }
  }
  const { resetIn, message } = options;
  const framing = typeof options.framing === "string" ? parseFraming(options.framing) : options.framing;
  const { length } = framingName(framing) ?? "";
  if (length > MAX_NAME) {
    throw new RangeError(`Cannot use a framing of ${length} characters: expected ${MAX_NAME} at most`);
  }
  const faults = { ...options, framing };
  if (resetIn === undefined && message === undefined) return faults;
  if (framing === undefined || resetIn === undefined) {
    throw new RangeError("Cannot reset in a part of a message: expected both a framing and a part");
  }
  const parts = partsOf(framing);
  if (!parts.some((part) => isPart(part, resetIn))) {
    const names = parts.map(({ name }) => name).join(", ");
    throw new RangeError(`Cannot reset in "${resetIn}": ${framingName(framing) ?? "the framing"} has ${names}`);
  }
  return faults;
}

/** Whether a name is that of a part, or of its role. */
function isPart(part: Pick<FramePart, "name" | "role">, name: string | undefined): boolean {
  return part.name === name || part.role === name;
}

/** The name of a framing that was given by name. */
export function framingName(framing: Framing<unknown, never> & { name?: unknown } | undefined): string | undefined {
  return typeof framing?.name === "string" ? framing.name : undefined;
}

/** Checked options. */
export interface Faults extends FaultOptions {
  framing?: Framing<unknown, never> | undefined;
}

/** The next step of forwarding a stream: a write, or a fault. */
export interface Step {
  /** The bytes to write; empty with a fault. */
  bytes: Uint8Array;
  /** The wait before the write, in milliseconds. */
  delay: number;
  /** The duration of the write at the limited rate, in milliseconds. */
  pace: number;
  /** The fault that takes the place of the write. */
  fault?: Fault | undefined;
}

/** A fault that ends the forwarding of a stream. */
export interface Fault {
  /** Reset the connection, or stop reading. */
  kind: "reset" | "stop";
  /** Number of bytes forwarded before the fault. */
  at: number;
  /** The part and message of a reset by `resetIn`. */
  where?: string;
}

/** Writes a second at a limited rate. */
const WRITES_PER_SECOND = 20;
const NOTHING = new Uint8Array();

/** Each purpose has its own generator, so that enabling one fault does not change the random numbers of another. */
const PURPOSES = ["cut", "delay", "offset", "lose", "repeat", "reorder"] as const;
type Purpose = typeof PURPOSES[number];

/** The random numbers of one connection and direction. */
class FaultRandom {
  readonly #random: Record<Purpose, Random>;

  constructor(seed: number, connection: number, direction: Direction) {
    const generators = PURPOSES.map((purpose, index) =>
      [purpose, mulberry32(seedOf(seed, connection, direction === "up" ? 1 : 2, index))] as const
    );
    this.#random = Object.fromEntries(generators) as Record<Purpose, Random>;
  }

  /** Draws an integer from a range. */
  integer(purpose: Purpose, range: Range): number {
    const [min, max] = boundsOf(range);
    return min + Math.floor(this.#random[purpose]() * (max - min + 1));
  }

  /** Draws a number from a range. */
  number(purpose: Purpose, range: Range): number {
    const [min, max] = boundsOf(range);
    return min + this.#random[purpose]() * (max - min);
  }

  /** Returns true with this probability in percent. */
  chance(purpose: Purpose, percent: number): boolean {
    return this.#random[purpose]() * 100 < percent;
  }
}

/**
 * Decides the faults in one direction of one connection. The offsets of fragments and resets depend on the seed, the
 * connection's number and the direction only, not on how the bytes arrive.
 */
export class StreamFaults {
  readonly #options: Faults;
  readonly #random: FaultRandom;
  /** The offset of the next byte to plan. */
  #at: number;
  /** The offset at which the current fragment ends. */
  #fragmentEnd: number;
  #resetAt: number;
  readonly #stopAt: number;
  #where: string | undefined;
  /** The number of the message for `resetIn`, and from where it counts. */
  readonly #message: number;
  readonly #since: string;

  /**
   * Draws the offsets that do not depend on the stream's bytes.
   *
   * @param at The offset from which on the faults apply.
   * @param begun The number of messages that have begun before it.
   */
  constructor(options: Faults, seed: number, connection: number, direction: Direction, at = 0, begun = 0) {
    this.#options = faultsIn(direction, options);
    this.#random = new FaultRandom(seed, connection, direction);
    this.#at = at;
    const { cut, resetAt, stopAfter, message = 1 } = this.#options;
    this.#fragmentEnd = cut === undefined ? Infinity : at + this.#random.integer("cut", cut);
    this.#resetAt = resetAt === undefined ? Infinity : at + this.#random.integer("offset", resetAt);
    this.#stopAt = stopAfter === undefined ? Infinity : at + this.#random.integer("offset", stopAfter);
    this.#message = begun + message;
    this.#since = at === 0 ? "" : `, counted from byte ${at}`;
  }

  /** The offset of the reset, as far as it is known. */
  get resetAt(): number {
    return this.#resetAt;
  }

  /** How long to join received bytes before a write, in milliseconds. */
  get join(): number {
    return this.#options.join ?? 0;
  }

  /**
   * Plans the forwarding of the stream's next chunk. A step with a fault is the last one.
   *
   * @param chunk The chunk; empty at the start of the stream, for a fault before the first byte.
   * @returns The steps.
   */
  *steps(chunk: Uint8Array): Generator<Step> {
    const { delay = 0, rate = Infinity } = this.#options;
    const longestWrite = Math.ceil(rate / WRITES_PER_SECOND);
    for (let rest = chunk;;) {
      const last = Math.min(this.#resetAt, this.#stopAt);
      if (this.#at >= last) {
        const kind = this.#resetAt <= this.#stopAt ? "reset" : "stop";
        const where = kind === "reset" && this.#where !== undefined ? { where: this.#where } : {};
        yield { bytes: NOTHING, delay: 0, pace: 0, fault: { kind, at: last, ...where } };
        return;
      }
      if (rest.length === 0) return;
      const bytes = rest.subarray(0, Math.min(longestWrite, this.#fragmentEnd - this.#at, last - this.#at));
      rest = rest.subarray(bytes.length);
      this.#at += bytes.length;
      if (this.#at === this.#fragmentEnd) this.#fragmentEnd += this.#random.integer("cut", this.#options.cut!);
      yield { bytes, delay: this.#random.number("delay", delay), pace: bytes.length / rate * 1000 };
    }
  }

  /** Places the reset of `resetIn` inside its part: between two of its bytes, if it has two. */
  placeReset(part: FramePart): void {
    const { resetIn, message: wanted = 1 } = this.#options;
    const { name, role, message, start } = part;
    if (!isPart(part, resetIn) || message !== this.#message) return;
    // In a part of unknown length, only the offset after the first byte is known to be inside. A delimiter is known by its
    // last byte, so the others may have been forwarded.
    const { length = 2 } = part;
    const first = role === "delimiter" ? length - 1 : 1;
    const offset = start + (length < 2 ? 0 : this.#random.integer("offset", [first, length - 1]));
    if (offset > this.#resetAt) return;
    this.#resetAt = offset;
    this.#where = `in the ${name} of message ${wanted}${this.#since}`;
  }
}

/** How to deliver one datagram. */
export interface Delivery {
  /** Number of copies to send: 0, 1 or 2. */
  copies: number;
  /** Whether to send it after the next datagram. */
  reordered: boolean;
  /** The delay in milliseconds. */
  delay: number;
}

/** Decides the delivery of one client's datagrams in one direction. */
export class DatagramFaults {
  readonly #options: Faults;
  readonly #random: FaultRandom;

  /** Draws nothing yet: each datagram draws its own delivery. */
  constructor(options: Faults, seed: number, connection: number, direction: Direction) {
    this.#options = faultsIn(direction, options);
    this.#random = new FaultRandom(seed, connection, direction);
  }

  /** Decides the delivery of the next datagram. */
  next(): Delivery {
    const { lose = 0, repeat = 0, reorder = 0, delay = 0 } = this.#options;
    const lost = this.#random.chance("lose", lose);
    const repeated = this.#random.chance("repeat", repeat);
    return {
      copies: lost ? 0 : repeated ? 2 : 1,
      reordered: this.#random.chance("reorder", reorder),
      delay: this.#random.number("delay", delay),
    };
  }
}

/** The faults as plain data, for a recording. */
export function plainFaults(options: Faults): Record<string, unknown> {
  const names = [...Object.keys(MINIMUM), ...DATAGRAM_OPTIONS, "resetIn", "direction"] as (keyof Faults)[];
  const entries = names.map((name) => [name, plainRange(options[name])]).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(entries), framing: framingName(options.framing) };
}

function plainRange(value: unknown): unknown {
  return Array.isArray(value) && value[0] === value[1] ? value[0] : value;
}

/** Describes the faults in words, for the log. */
export function describeFaults(options: Faults): string {
  const { cut, delay, rate, join, stopAfter, resetAt, framing, resetIn, message = 1, direction = "both" } = options;
  const words = [
    cut === undefined ? "" : `writes in fragments of ${formatRange(cut)} bytes`,
    delay === undefined ? "" : `delay ${formatRange(delay, 1000)} s`,
    rate === undefined ? "" : `${rate} bytes a second`,
    join === undefined ? "" : `writes joined over ${join / 1000} s`,
    stopAfter === undefined ? "" : `reading stops after ${formatRange(stopAfter)} bytes`,
    resetAt === undefined ? "" : `reset at byte ${formatRange(resetAt)}`,
    resetIn === undefined
      ? ""
      : `reset in the ${resetIn} of message ${message} (${framingName(framing) ?? "a framing without a name"})`,
    ...DATAGRAM_OPTIONS.map((name) => options[name] === undefined ? "" : `${name} ${options[name]} %`),
  ].filter(Boolean);
  if (words.length === 0) return "no faults";
  return `${direction === "both" ? "both directions" : direction}: ${words.join(", ")}`;
}

/** The options that apply in a direction. */
function faultsIn(direction: Direction, options: Faults): Faults {
  return options.direction === undefined || options.direction === "both" || options.direction === direction
    ? options
    : {};
}

/** Formats a name as on the command line. */
function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function boundsOf(range: Range): readonly [min: number, max: number] {
  return typeof range === "number" ? [range, range] : range;
}

function formatRange(range: Range, unit = 1): string {
  const [min, max] = boundsOf(range);
  return min === max ? String(min / unit) : `${min / unit}-${max / unit}`;
}
