// Loads Node's modules on demand: loading them takes as long as everything else before the first answer of a server.
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { writeAll } from "../log/writer.ts";

/** Maximum length of one write in bytes, so that a slow peer still shows progress. */
const LONGEST_WRITE = 64 * 1024;
/** Size of a read of encrypted bytes: several records with their overhead (RFC 8446, 5.2). */
const READ_SIZE = 64 * 1024;

/** The methods of a socket that a connection uses. */
export type Socket = Pick<Deno.Conn, "localAddr" | "remoteAddr" | "read" | "write" | "closeWrite" | "close"> & {
  /** Completes the TLS handshake. Present on encrypted sockets. */
  handshake?(): Promise<unknown>;
  /** Turns Nagle's algorithm off. Present on TCP sockets. */
  setNoDelay?(noDelay: boolean): void;
};

/** Certificate and key of a server, both in PEM (RFC 7468). */
export interface Certificate {
  /** The server's certificate, followed by the intermediate certificates. */
  cert: string;
  /** The private key. */
  key: string;
}

/** How a client verifies the server's certificate. */
export interface Trust {
  /** The only trusted certificate authorities, in PEM. Defaults to those that the runtime trusts. */
  caCerts?: string[] | undefined;
  /** Name or address that the certificate must contain. Defaults to the host connected to. */
  serverName?: string | undefined;
}

/** Parses a certificate in PEM, or throws a `RangeError`. */
function checkCertificate(pem: string): X509Certificate {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  return readPem("certificate", () => new X509Certificate(pem));
}

/**
 * Creates the TLS context of a server.
 *
 * @throws {RangeError} If the certificate or the key cannot be parsed, or they do not match.
 */
export function serverContext({ cert, key }: Certificate): SecureContext {
  const { createPrivateKey } = process.getBuiltinModule("node:crypto");
  const privateKey = readPem("private key", () => createPrivateKey(key));
  if (!checkCertificate(cert).checkPrivateKey(privateKey)) {
    throw new RangeError("Cannot use the certificate: the private key belongs to another one");
  }
  return process.getBuiltinModule("node:tls").createSecureContext({ cert, key });
}

function readPem<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new RangeError(`Cannot read the ${what}: expected a ${what} in PEM`, { cause: error });
  }
}

/** The hosts that clients connected to: names of servers, unless they are given. */
export const hosts: WeakMap<Socket, string> = new WeakMap();

/** Contexts of certificates that were used to upgrade a connection. Parsing them takes a millisecond. */
const contexts = new WeakMap<Certificate, SecureContext>();

/**
 * Prepares TLS on an open connection: as the server with a certificate, otherwise as the client.
 *
 * @throws {RangeError} If a certificate or the key cannot be used.
 */
export function encryption(options: Certificate | Trust): (socket: Socket) => Socket {
  if (!("cert" in options)) return encryptClient(options);
  const context = contexts.get(options) ?? serverContext(options);
  contexts.set(options, context);
  return (socket) => encryptServer(socket, context);
}

/** Encrypts an open connection as the server. */
export function encryptServer(socket: Socket, secureContext: SecureContext): Socket {
  const options = { isServer: true, secureContext, allowHalfOpen: true };
  const { TLSSocket } = process.getBuiltinModule("node:tls");
  // Accepts any duplex stream, although the types ask for a socket.
  return new TlsSocket(socket, (plain) => new TLSSocket(plain as never, options), "secure");
}

/**
 * Prepares TLS as the client.
 *
 * @throws {RangeError} If a certificate cannot be parsed. The runtime ignores such and would then trust no server.
 */
export function encryptClient({ caCerts: ca, serverName }: Trust): (socket: Socket) => Socket {
  for (const pem of ca ?? []) checkCertificate(pem);
  return (socket) => {
    const { connect } = process.getBuiltinModule("node:tls");
    const { isIP } = process.getBuiltinModule("node:net");
    const host = serverName ?? hosts.get(socket) ?? "localhost";
    const options = {
      host,
      // Server name indication is for names only, not for addresses (RFC 6066, 3).
      servername: isIP(host) === 0 ? host : "",
      allowHalfOpen: true,
      ...(ca === undefined ? {} : { ca }),
    };
    return new TlsSocket(socket, (plain) => connect({ ...options, socket: plain } as never), "secureConnect");
  };
}

/**
 * A TLS connection over an accepted socket. `Deno.listenTls` is not used: its connections stay open when they are closed
 * during the handshake, and cannot turn Nagle's algorithm off.
 */
class TlsSocket implements Socket {
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
  readonly #socket: Socket;
  readonly #stream: TLSSocket;
  readonly #secure = Promise.withResolvers<void>();
  #rest: Uint8Array = new Uint8Array();
  #ended = false;
  #error: Error | undefined;
  /** Resolves when the pending reads may go on. */
  #waking: PromiseWithResolvers<void> | undefined;
  /** Resumes reading from the socket. */
  #readOn: () => void = () => {};

  constructor(socket: Socket, encrypt: (plain: Duplex) => TLSSocket, secureEvent: "secure" | "secureConnect") {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.#secure.promise.catch(() => {}); // Reads and writes throw this error.
    const stream = this.#stream = encrypt(this.#plain());
    stream.on(secureEvent, () => this.#secure.resolve());
    stream.on("readable", () => this.#wake());
    stream.on("end", () => {
      this.#ended = true;
      this.#secure.reject(new Deno.errors.UnexpectedEof("The peer ended during the handshake"));
      this.#wake();
    });
    stream.on("error", (error) => this.#fail(error));
    // The only event for bytes that cannot be decrypted after the handshake.
    stream.on("_tlsError", (error: Error) => this.#fail(error));
    stream.on("close", () => this.#fail(new Deno.errors.Interrupted("The connection is closed")));
  }

  async handshake(): Promise<void> {
    await this.#secure.promise;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const chunk: Uint8Array | null = this.#stream.read();
      this.#readOn();
      if (chunk !== null) this.#rest = chunk;
      else if (this.#ended) return null;
      else if (this.#error !== undefined) throw this.#error;
      else await (this.#waking ??= Promise.withResolvers()).promise;
    }
    const length = Math.min(this.#rest.length, buffer.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
    return length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#error !== undefined) throw this.#error;
    const part = bytes.subarray(0, LONGEST_WRITE);
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(part, (error) => error ? reject(error) : resolve());
    });
    return part.length;
  }

  async closeWrite(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve, reject) => {
      this.#secure.promise.catch(reject);
      this.#stream.once("close", resolve);
      this.#stream.end(resolve);
    });
  }

  close(): void {
    this.#stream.destroy();
    this.#readOn();
  }

  setNoDelay(noDelay: boolean): void {
    this.#socket.setNoDelay?.(noDelay);
  }

  /** The socket as the stream underneath TLS. TLS learns of the socket's errors only that it has closed. */
  #plain(): Duplex {
    const socket = this.#socket;
    const fail = (error: Error) => {
      this.#fail(error);
      return error;
    };
    const { Duplex } = process.getBuiltinModule("node:stream");
    const plain: Duplex = new Duplex({
      allowHalfOpen: true,
      read: () => {
        this.#readPlain().then((bytes) => plain.push(bytes), (error) => plain.destroy(fail(error)));
      },
      write(chunk: Uint8Array, _, written) {
        writeAll(socket, chunk).then(() => written(), (error) => written(fail(error)));
      },
      final(ended) {
        socket.closeWrite().then(() => ended(), (error) => ended(fail(error)));
      },
      destroy(error, destroyed) {
        socket.close();
        destroyed(error);
      },
    });
    return plain;
  }

  /** Reads the next bytes, or `null` at the end. Waits while decrypted bytes are unread: TLS itself has no backpressure. */
  async #readPlain(): Promise<Uint8Array | null> {
    while (!this.#stream.destroyed && this.#stream.readableLength >= READ_SIZE) {
      await new Promise<void>((resolve) => this.#readOn = resolve);
    }
    const buffer = new Uint8Array(READ_SIZE);
    const length = await this.#socket.read(buffer);
    return length === null ? null : buffer.subarray(0, length);
  }

  #wake(): void {
    this.#waking?.resolve();
    this.#waking = undefined;
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = runtimeError(error);
    this.#secure.reject(this.#error);
    this.#wake();
  }
}

/** Converts an error of Node's TLS to the error that the runtime's sockets throw. */
function runtimeError(error: Error & { code?: string }): Error {
  const { code = "", message } = error;
  if (error instanceof Deno.errors.BadResource) return new Deno.errors.Interrupted(message);
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")) return new Deno.errors.InvalidData(message);
  if (code === "ECONNRESET") return new Deno.errors.ConnectionReset(message);
  if (code === "EPIPE") return new Deno.errors.BrokenPipe(message);
  return error;
}
