// What all correct clients do: connect, write, read exactly what they expect, and count.

import type { Random } from "../../../services/proxy/random.ts";
import { within } from "../../shared/within.ts";
import { Histogram } from "../../tools/load/histogram.ts";
import { connectTo, type Endpoint } from "./endpoint.ts";

/** The longest pause of a client between two messages, in milliseconds. */
export const PAUSE = 30;

/** The pause after a connection that found no room, in milliseconds. */
const RECONNECT_PAUSE = 10;

/** The counters of correct clients. */
export interface Tally {
  /** Number of connections. */
  connections: number;
  /** Number of correct answers. */
  answers: number;
  /** Number of their bytes. */
  bytes: number;
  /** Number of datagrams sent again because no answer came. */
  repeated: number;
  /** Latency in milliseconds: of an answer, of a chat message until it is received, of a tick after its time. */
  latency: Histogram;
}

/** An empty tally. */
export function noTally(): Tally {
  return { connections: 0, answers: 0, bytes: 0, repeated: 0, latency: new Histogram() };
}

/** Bytes of an answer were missing or wrong. */
export class LostError extends Error {
  override name = "LostError";

  /**
   * @param bytes Number of bytes.
   * @param message What was expected and what was received.
   */
  constructor(readonly bytes: number, message: string) {
    super(message);
  }
}

/** A random integer from 0 to `end - 1`. */
export function below(end: number, random: Random): number {
  return Math.floor(random() * end);
}

/** Random bytes. */
export function anyBytes(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => below(256, random));
}

/** Whether two arrays have the same bytes; faster than `equal` of @std/assert. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Waits for some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Opens a connection, and counts it. */
export async function connect(endpoint: Endpoint, tally: Tally): Promise<Deno.Conn> {
  for (;;) {
    try {
      const socket = await connectTo(endpoint);
      tally.connections++;
      return socket;
    } catch (error) {
      // The queue of a Unix socket is full. Over TCP the system tries again by itself.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await pause(RECONNECT_PAUSE);
    }
  }
}

/** Reads exactly `length` bytes, and passes the length of each read to `received`. */
export async function readExactly(
  socket: Deno.Conn,
  length: number,
  received: (count: number) => void = () => {},
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await within(socket.read(bytes.subarray(at)), () => `${length} bytes, got ${at}`);
    if (count === null) throw new LostError(length - at, `Expected ${length} bytes, got ${at}`);
    at += count;
    received(count);
  }
  return bytes;
}

/** Reads an answer and compares it with the expected one. */
export async function readAnswer(socket: Deno.Conn, expected: Uint8Array, tally: Tally): Promise<void> {
  const got = await readExactly(socket, expected.length);
  const { length } = expected;
  if (!equal(got, expected)) throw new LostError(length, `${length} bytes differ from those expected`);
  countAnswer(expected, tally);
}

/** Checks that the server ends the connection without sending more. */
export async function readEnd(socket: Deno.Conn): Promise<void> {
  const count = await within(socket.read(new Uint8Array(1024)), "the server's end");
  if (count !== null) throw new LostError(count, `Expected the end, got ${count} bytes`);
}

/** Reads to the end, and drops the bytes. */
export async function drain(socket: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (await within(socket.read(buffer), "the server's end") !== null) { /* dropped */ }
}

/** Counts a correct answer. */
export function countAnswer(answer: Uint8Array, tally: Tally): void {
  tally.answers++;
  tally.bytes += answer.length;
}

/** Counts a latency, and that of the messages that the client could not send meanwhile (coordinated omission). */
export function countLatency(milliseconds: number, { latency }: Tally): void {
  latency.add(Math.max(0, milliseconds));
  for (let rest = milliseconds - PAUSE; rest > 0; rest -= PAUSE) latency.add(rest);
}
