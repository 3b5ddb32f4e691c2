import { connect, type Socket } from "node:net";
import type { HostPort } from "../../../lib/net/mod.ts";

/** The part of a socket that a load uses. */
export interface LoadSocket {
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  close(): void;
}

/**
 * The most busy connections that the runtime serves evenly. Above it, some starve: of 1000 connections to a fair server
 * in C, the busiest had fourteen times the round trips of the slowest.
 */
export const FAIR_CONNECTIONS = 128;

/** A socket of node:net, which the runtime serves evenly in any number, with the reads and writes of a Deno socket. */
export class FairSocket implements LoadSocket {
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  /** Connects. */
  static connect({ hostname, port }: HostPort, signal: AbortSignal): Promise<FairSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port, allowHalfOpen: true });
      const abort = () => socket.destroy(new Deno.errors.TimedOut());
      signal.addEventListener("abort", abort);
      socket.once("error", reject);
      socket.once("connect", () => {
        signal.removeEventListener("abort", abort);
        socket.off("error", reject);
        resolve(new FairSocket(socket));
      });
    });
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const [chunk] = this.#chunks as [Uint8Array];
    const length = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, length));
    if (length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(length);
    return length;
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  close(): void {
    this.#ended = true;
    this.#socket.destroy();
    this.#wake();
  }
}
