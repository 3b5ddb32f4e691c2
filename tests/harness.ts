import { concat } from "@std/bytes/concat";
import { writeAll } from "@wirebench/wirebench/log";
import { Stalls } from "../lib/judge/patience.ts";
import type { Clock } from "../lib/net/timer.ts";
import { ServerProcess as Server } from "../scripts/shared/processes.ts";
import { within } from "../scripts/shared/within.ts";

export { ClientProcess, type ClientResult, grantsOf, runClient, runServer } from "../scripts/shared/processes.ts";
export { within };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encodes a text in UTF-8. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Decodes UTF-8. */
export function textOf(data: Uint8Array): string {
  return decoder.decode(data);
}

/** A server in its own process, and raw connections to it. */
export class ServerProcess extends Server {
  /** Connects to it. */
  connect(): Promise<RawPeer> {
    return RawPeer.connect(this.port);
  }
}

/** A plain TCP connection, without the library. */
export class RawPeer implements Disposable {
  readonly socket: Deno.TcpConn;
  #closed = false;

  constructor(socket: Deno.TcpConn) {
    this.socket = socket;
    socket.setNoDelay(true);
  }

  static async connect(port: number): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** This side's address, as servers log it. */
  get address(): string {
    const { hostname, port } = this.socket.localAddr;
    return `${hostname}:${port}`;
  }

  /** Writes all of the data. */
  async send(data: string | Uint8Array): Promise<void> {
    await writeAll(this.socket, typeof data === "string" ? bytes(data) : data);
  }

  /** Ends the sending side. */
  async end(): Promise<void> {
    await this.socket.closeWrite();
  }

  /** Reads exactly the given number of bytes. */
  async receive(length: number): Promise<string> {
    const data = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await within(this.socket.read(data.subarray(at)), () => `${length} bytes, got ${at}`);
      if (count === null) {
        throw new Error(`Expected ${length} bytes, got ${at}: ${textOf(data.subarray(0, Math.min(at, 100)))}`);
      }
      at += count;
    }
    return textOf(data);
  }

  /** Reads until the peer ends or resets the connection. */
  async receiveAll(): Promise<string> {
    return textOf((await this.readToEnd()).data);
  }

  /** Does the same, and returns each chunk and whether the end was a reset. */
  async readToEnd(): Promise<{ chunks: Uint8Array[]; data: Uint8Array; wasReset: boolean }> {
    const chunks: Uint8Array[] = [];
    let wasReset = false;
    try {
      for (;;) {
        const chunk = new Uint8Array(65_536);
        const count = await within(this.socket.read(chunk), () => `the end after ${concat(chunks).length} bytes`);
        if (count === null) break;
        chunks.push(chunk.subarray(0, count));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      wasReset = true;
    }
    return { chunks, data: concat(chunks), wasReset };
  }

  close(): void {
    if (!this.#closed) this.socket.close();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A TCP server for tests of clients. `serve` handles a connection, which is closed when it returns; `held` resolves when
 * the test ends, for connections that stay open.
 */
export function fakeServer(
  serve: (peer: RawPeer, held: Promise<void>) => Promise<unknown>,
): AsyncDisposable & { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held = Promise.withResolvers<void>();
  const serving: Promise<void>[] = [];
  let closed = false;
  const accepting = (async () => {
    while (!closed) {
      let socket;
      try {
        socket = await listener.accept();
      } catch {
        continue; // Reset before it was accepted, or the listener is closed.
      }
      serving.push((async () => {
        using peer = new RawPeer(socket);
        await serve(peer, held.promise).catch(() => {});
      })());
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      closed = true;
      listener.close();
      held.resolve();
      await accepting;
      await Promise.all(serving);
    },
  };
}

/** Every service but the proxy, which has no client and its own options. */
export const SERVICES: string[] = [...Deno.readDirSync(new URL("../services", import.meta.url))]
  .map(({ name }) => name.replaceAll("_", "-")).filter((name) => name !== "proxy").sort();

/** Certificates as files in a folder, and the options by which a server and a client use them. */
export async function certificatesIn(
  folder: string,
): Promise<{ ca: string; cert: string; key: string; serverArgs: string[]; clientArgs: string[] }> {
  // Loaded here, since few tests need it and it takes a while.
  const { makeCertificates } = await import("../scripts/tools/certs/make.ts");
  const { ca, certificate: cert, key } = await makeCertificates();
  const paths = { ca: `${folder}/ca.pem`, cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  Deno.writeTextFileSync(paths.ca, ca);
  Deno.writeTextFileSync(paths.cert, cert);
  Deno.writeTextFileSync(paths.key, key);
  const serverArgs = ["--tls-cert", paths.cert, "--tls-key", paths.key];
  return { ca, cert, key, serverArgs, clientArgs: ["--tls-ca", paths.ca] };
}

/** A folder for the files of one test, in the only place where tests may write. Disposing of it removes it. */
export function temporaryFolder(): Disposable & { path: string } {
  const parent = `${import.meta.dirname}/temporary`;
  Deno.mkdirSync(parent, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: parent });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Whether the system has a program that succeeds with the arguments. */
export function hasProgram(name: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(name, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Why tests of IPv6 are ignored here, for their names; empty if they are not. */
export const NO_IPV6 = listens("::1") ? "" : " (ignored: no IPv6 here)";

function listens(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** A socket with scripted reads and writes. Closing it ends pending reads. */
export function stubSocket(behaviour: {
  read?: (buffer: Uint8Array) => Promise<number | null>;
  write?: (data: Uint8Array, closed: Promise<never>) => Promise<number>;
  setNoDelay?: (on: boolean) => void;
} = {}): Deno.TcpConn {
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});
  const { read = () => closed.promise, write = (data) => Promise.resolve(data.length), setNoDelay = () => {} } =
    behaviour;
  const address: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
  const socket: Partial<Deno.TcpConn> = {
    localAddr: address,
    remoteAddr: address,
    setNoDelay,
    read: (buffer) => Promise.race([read(buffer), closed.promise]),
    write: (data) => write(data, closed.promise),
    closeWrite: () => Promise.resolve(),
    close: () => closed.reject(new Deno.errors.Interrupted()),
  };
  return socket as Deno.TcpConn;
}

/** Waits until nobody listens at a port: the runtime releases it a little after a listener is closed. */
export async function untilNobodyListens(port: number): Promise<void> {
  const refused = async () => {
    try {
      while (true) (await RawPeer.connect(port)).close();
    } catch {
      // Refused, or reset while the listener closes.
    }
  };
  await within(refused(), `nothing to listen at port ${port}`);
}

/** Connects and resets the connection. Deno has no SO_LINGER, so this uses node:net. */
export async function reset(port: number, data = ""): Promise<void> {
  const { connect } = await import("node:net");
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      if (data === "") socket.resetAndDestroy();
      else socket.write(data, () => socket.resetAndDestroy());
    });
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

/** A clock that stands still until the test moves it. */
export class TestClock implements Clock {
  #now = 0;
  #timers = new Set<{ due: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { due: this.#now + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves it forward without running timers, as a busy program does. */
  delay(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Moves it forward, and runs the timers that are due on the way, each with its consequences before the next. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.due - other.due);
      if (next === undefined || next.due > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.run();
      await turn();
    }
    this.#now = Math.max(this.#now, end);
  }
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, what: string | (() => string)): Promise<void> {
  let over = false;
  const polling = (async () => {
    while (!over && !condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  })();
  await within(polling, what).finally(() => over = true);
}

/** How often a check that depends on time is run at most. */
const MOST_RUNS = 5;

/** Runs a check that depends on time, and runs it again if it fails while this process could not run although it was due. */
export async function steadily<T>(check: () => Promise<T>): Promise<T> {
  for (let runs = 1;; runs++) {
    using stalls = new Stalls();
    try {
      return await check();
    } catch (error) {
      if (stalls.milliseconds === 0 || runs === MOST_RUNS) throw error;
    }
  }
}

/** Waits until a number has stayed the same for a fifth of a second: full buffers stop what changes it. */
export async function untilStill(value: () => number): Promise<number> {
  for (let last = NaN;;) {
    if (last === value()) return last;
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A payload after the tutorials' decimal header. */
export function headed(payload: string | Uint8Array): Uint8Array {
  const data = typeof payload === "string" ? bytes(payload) : payload;
  return concat([bytes(String(data.length).padEnd(10)), data]);
}
