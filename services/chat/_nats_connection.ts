import {
  type Authenticator,
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  Parser,
  type ProtocolHandler,
  type ServerInfo,
  setTransportFactory,
  type Transport,
} from "@nats-io/nats-core/internal";
import { concat } from "@std/bytes/concat";
import { CommandError } from "../../lib/cli/errors.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { formatAddress, type HostPort } from "../../lib/net/address.ts";
import { connectTcp } from "../../lib/net/connect_tcp.ts";
import type { Connection } from "../../lib/net/connection.ts";
import type { Trust } from "../../lib/net/mod.ts";

/** Time in which a server must accept a connection, and then greet, in milliseconds. */
const ANSWER_WITHIN = 2000;
/** Time for the whole of connecting, with TLS and credentials, in milliseconds. */
const CONNECT_WITHIN = 6000;
/** Time that a write may wait while the server reads nothing, in milliseconds. */
const WRITE_TIMEOUT = 5000;
/** Maximum length of the greeting in bytes. That of a large cluster is the longest. */
const LONGEST_INFO = 64 * 1024;
/** First length of the buffer for messages, and the maximum: NATS allows payloads of 64 MiB. */
const FIRST_SPACE = 64 * 1024;
const LONGEST_MESSAGE = 128 * 1024 * 1024;
const LF = 0x0a;
/** How the lines MSG and HMSG start, which a payload follows. */
const M = 0x4d;
const H = 0x48;

/** How to connect to NATS. */
export interface NatsTarget {
  /** The servers of one NATS system. */
  readonly servers: readonly HostPort[];
  /** How to verify a server that must encrypt; `undefined` leaves it to the server whether to encrypt. */
  readonly tls?: Trust | undefined;
  /** The credentials. */
  readonly authenticator?: Authenticator | undefined;
}

/** The options of the client library, with those of {@linkcode ConnectionTransport}, which it passes on. */
interface TransportOptions extends ConnectionOptions {
  server: HostPort;
  trust: Trust | undefined;
  signal: AbortSignal;
}

/**
 * Connects to one server of NATS. The connection does not reconnect: its user opens another, perhaps to another server.
 *
 * @param server The server.
 * @param target The credentials and the kind of encryption.
 * @param name Name of this client in the server's monitoring.
 * @param signal Closes the connection when it aborts.
 * @returns The connection.
 * @throws {CommandError} If there is no NATS server, or it refuses the credentials. The message says which.
 */
export async function connectNats(
  server: HostPort,
  target: NatsTarget,
  name: string,
  signal?: AbortSignal,
): Promise<NatsConnection> {
  const attempt = new AbortController();
  const options: TransportOptions = {
    server,
    trust: target.tls,
    signal: signal === undefined ? attempt.signal : AbortSignal.any([attempt.signal, signal]),
    servers: formatAddress(server),
    name,
    timeout: CONNECT_WITHIN,
    reconnect: false,
    resolve: false,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    pingInterval: 2000,
    maxPingOut: 2,
    ...(target.authenticator === undefined ? {} : { authenticator: target.authenticator }),
  };
  closeOnParseErrors();
  setTransportFactory({ factory: () => new ConnectionTransport() });
  try {
    return await NatsConnectionImpl.connect(options);
  } catch (error) {
    attempt.abort();
    throw explainNats(error, server);
  }
}

let closesOnParseErrors = false;

/** Closes a connection at a parse error. By itself, the library prints a stack trace to standard output and waits on. */
function closeOnParseErrors(): void {
  if (closesOnParseErrors) return;
  closesOnParseErrors = true;
  const { parse } = Parser.prototype;
  Parser.prototype.parse = function (bytes) {
    try {
      parse.call(this, bytes);
    } catch (error) {
      (this.dispatcher as ProtocolHandler).close(error instanceof Error ? error : undefined);
    }
  };
}

/** No program listens at the address of a server. */
export class NobodyListens extends CommandError {}

function explainNats(error: unknown, server: HostPort): unknown {
  const address = formatAddress(server);
  if (error instanceof CommandError || error instanceof Deno.errors.NotCapable) return error;
  if (error instanceof Deno.errors.ConnectionRefused) return new NobodyListens(`Nobody listens at ${address}`);
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  if (name === "AuthorizationError") return new CommandError(`NATS at ${address} refuses the credentials: ${message}`);
  if (name === "TimeoutError") return new CommandError(`No answer from NATS at ${address} within ${CONNECT_WITHIN} ms`);
  return new CommandError(`Cannot connect to NATS at ${address}: ${message}`);
}

/**
 * Carries the client library over a {@linkcode Connection}, which has deadlines, shares the event loop with the members'
 * connections, and closes at once even if the server reads nothing. The library's own transport over node:net lacks these.
 */
class ConnectionTransport implements Transport {
  readonly lang = "deno";
  readonly version = Deno.version.deno;
  closeError?: Error;
  #connection: Connection | undefined;
  /** The greeting, which the library reads again. */
  #info: Uint8Array = new Uint8Array();
  #encrypted = false;
  readonly #closed = Promise.withResolvers<void>();

  get isClosed(): boolean {
    return this.#connection?.reason !== undefined;
  }

  async connect(_server: unknown, options: ConnectionOptions): Promise<void> {
    const { server, trust, signal } = options as TransportOptions;
    const connection = this.#connection = await connectTcp({
      ...server,
      signal,
      connectTimeout: ANSWER_WITHIN,
      idleTimeout: Infinity,
      writeTimeout: WRITE_TIMEOUT,
    });
    this.#info = await readInfo(connection, formatAddress(server));
    const { tls_required: required = false, tls_available: available = false } = parseInfo(
      this.#info,
      formatAddress(server),
    );
    if (trust !== undefined && !required && !available) {
      throw new CommandError(`NATS at ${formatAddress(server)} does not encrypt`);
    }
    this.#encrypted = required || trust !== undefined;
    if (!this.#encrypted) return;
    // What follows the greeting in the clear must not pass for encrypted.
    if (this.#info.indexOf(LF) !== this.#info.length - 1) throw new CommandError("NATS sent more before it began TLS");
    await connection.upgradeTls(trust ?? {});
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    try {
      yield this.#info;
      const incoming = new WholeMessages();
      for (let length; (length = await this.#connection!.read(incoming.space)) !== null;) {
        const messages = incoming.take(length);
        if (messages.length > 0) yield messages;
      }
    } catch (error) {
      if (error instanceof Error) this.closeError = error;
    } finally {
      this.disconnect();
    }
  }

  isEncrypted(): boolean {
    return this.#encrypted;
  }

  send(frame: Uint8Array): void {
    // The pending read throws the reason why a write fails.
    this.#connection?.write(frame).catch(() => {});
  }

  disconnect(): void {
    this.#connection?.close();
    this.#closed.resolve();
  }

  discard(): void {
    this.disconnect();
  }

  close(): Promise<void> {
    this.disconnect();
    return Promise.resolve();
  }

  closed(): Promise<void> {
    return this.#closed.promise;
  }
}

/**
 * Splits what a server sends after whole messages. The library copies a message that arrives in chunks several times, and
 * the garbage of that costs a third of the throughput.
 */
class WholeMessages {
  #bytes = new Uint8Array(FIRST_SPACE);
  #length = 0;

  /** Where to read into. */
  get space(): Uint8Array<ArrayBuffer> {
    if (this.#length === this.#bytes.length) {
      if (this.#length >= LONGEST_MESSAGE) {
        throw new CommandError(`NATS sent a message of ${LONGEST_MESSAGE} bytes or more`);
      }
      const bytes = new Uint8Array(2 * this.#length);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    return this.#bytes.subarray(this.#length);
  }

  /** Takes the whole messages after `length` more bytes have been read. */
  take(length: number): Uint8Array {
    this.#length += length;
    const end = this.#end();
    const messages = this.#bytes.slice(0, end);
    this.#bytes.copyWithin(0, end, this.#length);
    this.#length -= end;
    return messages;
  }

  /** The end of the last whole message. */
  #end(): number {
    let end = 0;
    for (;;) {
      const line = this.#bytes.subarray(0, this.#length).indexOf(LF, end);
      // A longer line is malformed, which the library finds.
      if (line === -1) return this.#length - end > LONGEST_INFO ? this.#length : end;
      const isMessage = this.#bytes[end] === M || this.#bytes[end] === H;
      const next = line + 1 + (isMessage ? lengthBefore(this.#bytes, line) + "\r\n".length : 0);
      if (next > this.#length) return end;
      end = next;
    }
  }
}

/** The number before the end of a line: the length of the payload that follows. */
function lengthBefore(bytes: Uint8Array, lf: number): number {
  let number = 0;
  let at = lf - 1;
  for (let digit = 1; at > 0; digit *= 10) {
    const value = bytes[--at]! - 0x30;
    if (value < 0 || value > 9) break;
    number += value * digit;
  }
  return number;
}

/** Reads the greeting: a line of JSON after the word INFO. */
async function readInfo(connection: Connection, address: string): Promise<Uint8Array> {
  let info = new Uint8Array();
  while (info.indexOf(LF) === -1) {
    const chunk = await connection.readChunk(ANSWER_WITHIN).catch((error) => {
      if (error.reason !== "idle") throw error;
      throw new CommandError(`No greeting from ${address} within ${ANSWER_WITHIN} ms: it is not NATS, or it hangs`);
    });
    info = concat([info, chunk ?? new Uint8Array()]);
    const start = new TextDecoder().decode(info.subarray(0, 5));
    if (chunk !== null && start === "INFO ".slice(0, start.length) && info.length <= LONGEST_INFO) continue;
    const got = info.length === 0 ? "the end" : `"${decodeBytes(info.subarray(0, 32))}"`;
    throw new CommandError(`${address} is not NATS: expected INFO, got ${got}`);
  }
  return info;
}

function parseInfo(info: Uint8Array, address: string): Partial<ServerInfo> {
  try {
    return JSON.parse(new TextDecoder().decode(info.subarray("INFO ".length, info.indexOf(LF))));
  } catch {
    const got = decodeBytes(info.subarray(0, 64));
    throw new CommandError(`${address} is not NATS: expected JSON after INFO, got "${got}"`);
  }
}
