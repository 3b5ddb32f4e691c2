import { type FieldFraming, FieldReader, type Found, parseFraming } from "./_fields.ts";
import { mulberry32, type Random, seedOf } from "./random.ts";

/** One number, or the least and the most of what is drawn at random each time. */
export type Range = number | readonly [least: number, most: number];

/** Which way bytes go: up from client to server, down from server to client. */
export type Direction = "up" | "down";

/** Faults that a proxy can be asked for. Without any, it passes everything on as it comes. */
export interface FaultOptions {
  /** Writes go out in pieces of so many bytes, 1 or more. Streams only. */
  cut?: Range | undefined;
  /** Each write waits so long, in milliseconds. Datagrams stay in order. */
  delay?: Range | undefined;
  /** So many bytes a second pass, 1 or more. Streams only. */
  rate?: number | undefined;
  /** What comes within so long goes out in one write, in milliseconds; 1 MiB at the most. Streams only. */
  join?: number | undefined;
  /** After so many bytes of a side no more is read from it, and the connection stays open. Streams only. */
  stopAfter?: Range | undefined;
  /** After so many bytes of a side the connection is reset. Streams only. */
  resetAt?: Range | undefined;
  /** How messages are framed, for `resetIn`: `header`, `lines`, `netstring`, `length4`, `fixed:24` ... */
  framing?: string | FieldFraming | undefined;
  /** The connection is reset inside this field of a message: `header`, `payload`, `line` ... Streams only. */
  resetIn?: string | undefined;
  /**
   * Which message `resetIn` means, the first being 1.
   *
   * @default {1}
   */
  message?: number | undefined;
  /** How many of a hundred datagrams are lost. */
  lose?: number | undefined;
  /** How many of a hundred datagrams are sent twice. */
  repeat?: number | undefined;
  /** How many of a hundred datagrams are held back until the next one has gone, or for 0.1 s. */
  reorder?: number | undefined;
  /**
   * Which way the faults apply.
   *
   * @default {"both"}
   */
  direction?: Direction | "both" | undefined;
}

/** Faults of streams, and faults of datagrams; the delay is one of both. */
const OF_STREAMS = ["cut", "rate", "join", "stopAfter", "resetAt", "framing", "resetIn", "message"] as const;
const OF_DATAGRAMS = ["lose", "repeat", "reorder"] as const;

/** The least each may be. */
const LEAST = { cut: 1, delay: 0, rate: 1, join: 0, stopAfter: 0, resetAt: 0, message: 1 } as const;

/**
 * Checks the faults that are asked for, and parses the framing.
 *
 * @param options The faults.
 * @param datagrams Whether they are for datagrams; else they are for streams.
 * @returns The faults.
 * @throws {RangeError} If one is out of range, or for the other transport.
 * @throws {TypeError} If there is no framing of that name.
 */
export function checkFaults(options: FaultOptions, datagrams: boolean): Faults {
  const stray = (datagrams ? OF_STREAMS : OF_DATAGRAMS).find((name) => options[name] !== undefined);
  if (stray !== undefined) {
    throw new RangeError(`Cannot use ${spelled(stray)} here: it is for ${datagrams ? "streams" : "datagrams"}`);
  }
  for (const [name, least] of Object.entries(LEAST)) {
    const range = options[name as keyof typeof LEAST];
    const [from, to] = limitsOf(range ?? least);
    const whole = name === "delay" || name === "join" || name === "rate" || [from, to].every(Number.isSafeInteger);
    if (!(from >= least && from <= to && to < Infinity && whole)) {
      throw new RangeError(
        `Cannot use ${spelled(name)} ${[from, to].join("-")}: expected ${least} or more, the least first`,
      );
    }
  }
  for (const name of OF_DATAGRAMS) {
    const percent = options[name] ?? 0;
    if (!(percent >= 0 && percent <= 100)) {
      throw new RangeError(`Cannot use ${name} ${percent}: expected 0 to 100 percent`);
    }
  }
  const { resetIn, message } = options;
  const framing = typeof options.framing === "string" ? parseFraming(options.framing) : options.framing;
  const faults = { ...options, framing };
  if (framing === undefined && resetIn === undefined && message === undefined) return faults;
  if (framing === undefined || resetIn === undefined) {
    throw new RangeError("Cannot reset in a field of a message: expected both a framing and a field");
  }
  if (!framing.names.includes(resetIn)) {
    throw new RangeError(`Cannot reset in "${resetIn}": ${framing.text} has ${framing.names.join(", ")}`);
  }
  return faults;
}

/** Faults that have been checked. */
export interface Faults extends FaultOptions {
  framing?: FieldFraming | undefined;
}

/** One write of a stream, and what goes with it. */
export interface Step {
  /** What to write; nothing where only `fault` counts. */
  bytes: Uint8Array;
  /** How long to wait before, in milliseconds. */
  delay: number;
  /** How long it takes at the given rate, in milliseconds. */
  pace: number;
  /** What happens instead of a write. */
  fault?: Fault;
}

/** What ends the passing on of a stream. */
export interface Fault {
  /** The connection is reset, or no more is read. */
  kind: "reset" | "stop";
  /** How many bytes have passed. */
  at: number;
  /** Which part of which message that is in, if it was asked for so. */
  where?: string;
}

/** How many writes a second a limited rate is spread over. */
const SLICES = 20;
const NOTHING = new Uint8Array();

/** What to draw for: each from a generator of its own, so that no draw depends on what the others are used for. */
const PURPOSES = ["cut", "delay", "place", "lose", "repeat", "reorder"] as const;
type Purpose = typeof PURPOSES[number];

/** The draws of one connection and direction. */
class Draws {
  readonly #random: Record<Purpose, Random>;

  constructor(seed: number, connection: number, direction: Direction) {
    const of = PURPOSES.map((purpose, index) =>
      [purpose, mulberry32(seedOf(seed, connection, direction === "up" ? 1 : 2, index))] as const
    );
    this.#random = Object.fromEntries(of) as Record<Purpose, Random>;
  }

  /** An integer of the range. */
  integer(purpose: Purpose, range: Range): number {
    const [least, most] = limitsOf(range);
    return least + Math.floor(this.#random[purpose]() * (most - least + 1));
  }

  /** A number of the range. */
  number(purpose: Purpose, range: Range): number {
    const [least, most] = limitsOf(range);
    return least + this.#random[purpose]() * (most - least);
  }

  /** True so many times of a hundred. */
  chance(purpose: Purpose, percent: number): boolean {
    return this.#random[purpose]() * 100 < percent;
  }
}

/**
 * What is to be done with the bytes of one connection that go one way. The places of cuts and resets in the stream
 * depend on the seed, the connection's number and the direction alone, not on how the bytes happen to come.
 */
export class StreamFaults {
  readonly #options: Faults;
  readonly #draws: Draws;
  readonly #fields: FieldReader | undefined;
  #passed = 0;
  #cutAt: number;
  #resetAt: number;
  readonly #stopAt: number;
  #where: string | undefined;

  /** Draws the places that are known from the beginning. */
  constructor(options: Faults, seed: number, connection: number, direction: Direction) {
    const { direction: which = "both" } = options;
    this.#options = which === "both" || which === direction ? options : {};
    this.#draws = new Draws(seed, connection, direction);
    const { cut, resetAt, stopAfter, framing } = this.#options;
    this.#cutAt = cut === undefined ? Infinity : this.#draws.integer("cut", cut);
    this.#resetAt = resetAt === undefined ? Infinity : this.#draws.integer("place", resetAt);
    this.#stopAt = stopAfter === undefined ? Infinity : this.#draws.integer("place", stopAfter);
    this.#fields = framing === undefined ? undefined : new FieldReader(framing);
  }

  /** How long to gather what comes before it is passed on, in milliseconds. */
  get join(): number {
    return this.#options.join ?? 0;
  }

  /** How many bytes have passed. */
  get passed(): number {
    return this.#passed;
  }

  /** Whether the bytes still fit the framing that a fault was to be found by. */
  get fits(): boolean {
    return this.#fields?.fits ?? true;
  }

  /**
   * Says what to do with the next bytes of the stream. Nothing comes after a step with a fault.
   *
   * @param chunk Any number of bytes; none, at the beginning, to learn what happens before the first.
   * @returns The writes it becomes.
   */
  *steps(chunk: Uint8Array): Generator<Step> {
    for (const found of this.#fields?.push(chunk) ?? []) this.#look(found);
    const { delay = 0, rate = Infinity } = this.#options;
    const slice = Math.ceil(rate / SLICES);
    const last = Math.min(this.#resetAt, this.#stopAt);
    let rest = chunk.subarray(0, last - this.#passed);
    while (rest.length > 0) {
      const bytes = rest.subarray(0, Math.min(slice, this.#cutAt - this.#passed));
      rest = rest.subarray(bytes.length);
      this.#passed += bytes.length;
      if (this.#passed === this.#cutAt) this.#cutAt += this.#draws.integer("cut", this.#options.cut!);
      yield { bytes, delay: this.#draws.number("delay", delay), pace: bytes.length / rate * 1000 };
    }
    if (this.#passed < last) return;
    const kind = this.#resetAt <= this.#stopAt ? "reset" : "stop";
    const where = kind === "reset" && this.#where !== undefined ? { where: this.#where } : {};
    yield { bytes: NOTHING, delay: 0, pace: 0, fault: { kind, at: this.#passed, ...where } };
  }

  /** Sets the place of a reset inside the field, so that it falls between two of its bytes if it has two. */
  #look({ field, message, at }: Found): void {
    const { resetIn, message: wanted = 1 } = this.#options;
    if (field.name !== resetIn || message !== wanted) return;
    // Where the end is not known yet, the one place surely inside is after the first byte.
    const { length = 2 } = field;
    const place = at + (length < 2 ? 0 : this.#draws.integer("place", [1, length - 1]));
    if (place > this.#resetAt) return;
    this.#resetAt = place;
    this.#where = `in the ${field.name} of message ${message}`;
  }
}

/** What becomes of one datagram. */
export interface Fate {
  /** How many times it is sent: not at all, once, twice. */
  copies: number;
  /** Whether it goes after the next one. */
  late: boolean;
  /** How long it is held, in milliseconds. */
  delay: number;
}

/** What is to become of the datagrams of one client that go one way. */
export class DatagramFaults {
  readonly #options: Faults;
  readonly #draws: Draws;

  /** Draws nothing yet. */
  constructor(options: Faults, seed: number, connection: number, direction: Direction) {
    const { direction: which = "both" } = options;
    this.#options = which === "both" || which === direction ? options : {};
    this.#draws = new Draws(seed, connection, direction);
  }

  /** The fate of the next datagram. */
  next(): Fate {
    const { lose = 0, repeat = 0, reorder = 0, delay = 0 } = this.#options;
    const lost = this.#draws.chance("lose", lose);
    const repeated = this.#draws.chance("repeat", repeat);
    return {
      copies: lost ? 0 : repeated ? 2 : 1,
      late: this.#draws.chance("reorder", reorder),
      delay: this.#draws.number("delay", delay),
    };
  }
}

/** The faults asked for, in words. */
export function describeFaults(options: Faults): string {
  const { cut, delay, rate, join, stopAfter, resetAt, framing, resetIn, message = 1, direction = "both" } = options;
  const words = [
    cut === undefined ? "" : `writes cut into ${shown(cut)} bytes`,
    delay === undefined ? "" : `delay ${shown(delay, 1000)} s`,
    rate === undefined ? "" : `${rate} bytes a second`,
    join === undefined ? "" : `joined over ${join / 1000} s`,
    stopAfter === undefined ? "" : `nothing read after ${shown(stopAfter)} bytes`,
    resetAt === undefined ? "" : `reset at byte ${shown(resetAt)}`,
    resetIn === undefined ? "" : `reset in the ${resetIn} of message ${message} (${framing!.text})`,
    ...OF_DATAGRAMS.map((name) => options[name] === undefined ? "" : `${name} ${options[name]} %`),
  ].filter(Boolean);
  if (words.length === 0) return "no faults";
  return `${direction === "both" ? "both ways" : direction}: ${words.join(", ")}`;
}

/** A name as it is on the command line. */
function spelled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function limitsOf(range: Range): readonly [least: number, most: number] {
  return typeof range === "number" ? [range, range] : range;
}

function shown(range: Range, per = 1): string {
  const [least, most] = limitsOf(range);
  return least === most ? String(least / per) : `${least / per}-${most / per}`;
}
