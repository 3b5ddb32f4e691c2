// Node's modules are loaded when they are needed: they take as long as all else that a server does before it answers.
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { writeAll } from "../log/writer.ts";

/** How much is written at once, so that progress shows. */
const LONGEST_WRITE = 64 * 1024;
/** How much is read of what is encrypted at once: a record and its overhead (RFC 8446, 5.2), several times. */
const READ_SIZE = 64 * 1024;

/** What a connection needs of a socket. */
export type Socket = Pick<Deno.Conn, "localAddr" | "remoteAddr" | "read" | "write" | "closeWrite" | "close"> & {
  /** Where it is encrypted. */
  handshake?(): Promise<unknown>;
  /** Where it is a TCP one. */
  setNoDelay?(noDelay: boolean): void;
};

/** What a server shows its clients to be trusted: both in PEM (RFC 7468). */
export interface Certificate {
  /** Its own certificate, followed by those between it and a certificate authority that clients trust. */
  cert: string;
  /** Its private key. */
  key: string;
}

/** What a client checks a server's certificate against. */
export interface Trust {
  /** The certificates of the only certificate authorities that are trusted, in PEM; unless given, what everybody trusts. */
  caCerts?: string[];
  /** The name or address that the certificate must be for; the one connected to unless given. */
  serverName?: string;
}

/** Refuses what is no certificate in PEM with a `RangeError`. */
export function checkCertificate(pem: string): X509Certificate {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  return readPem("certificate", () => new X509Certificate(pem));
}

/**
 * Makes ready to encrypt connections as a server.
 *
 * @throws {RangeError} If the certificate or the key is none, or they do not belong together.
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
    throw new RangeError(`Cannot use what is no ${what}: expected one in PEM`, { cause: error });
  }
}

/** Encrypts an open connection as the server. */
export function encryptServer(socket: Deno.Conn, secureContext: SecureContext): Socket {
  const options = { isServer: true, secureContext, allowHalfOpen: true };
  const { TLSSocket } = process.getBuiltinModule("node:tls");
  // Any duplex stream will do, which the types do not say.
  return new TlsSocket(socket, (plain) => new TLSSocket(plain as never, options), "secure");
}

/** Encrypts an open connection as the client. */
export function encryptClient(socket: Deno.Conn, serverName: string, ca: string[] | undefined): Socket {
  const { connect } = process.getBuiltinModule("node:tls");
  const { isIP } = process.getBuiltinModule("node:net");
  const options = {
    host: serverName,
    // The name is asked for only where it is one (RFC 6066, 3).
    servername: isIP(serverName) === 0 ? serverName : "",
    allowHalfOpen: true,
    ...(ca === undefined ? {} : { ca }),
  };
  return new TlsSocket(socket, (plain) => connect({ ...options, socket: plain } as never), "secureConnect");
}

/**
 * An encrypted connection. The runtime's own, from `Deno.listenTls`, stays open when it is closed before its handshake
 * has ended, for as long as the peer likes; and it leaves Nagle's algorithm on.
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
  /** Wakes whoever reads what has been decrypted. */
  #wake: () => void = () => {};
  /** Goes on reading what is encrypted. */
  #readOn: () => void = () => {};

  constructor(socket: Socket, encrypt: (plain: Duplex) => TLSSocket, secureEvent: "secure" | "secureConnect") {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.#secure.promise.catch(() => {}); // Whoever reads or writes is told.
    const stream = this.#stream = encrypt(this.#plain());
    stream.on(secureEvent, () => this.#secure.resolve());
    stream.on("readable", () => this.#wake());
    stream.on("end", () => {
      this.#ended = true;
      this.#secure.reject(new Deno.errors.UnexpectedEof("The peer ended during the handshake"));
      this.#wake();
    });
    stream.on("error", (error) => this.#fail(error));
    // What a server cannot decrypt once the handshake is done is told in this way alone.
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
      else await new Promise<void>((resolve) => this.#wake = resolve);
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

  /** The socket as the stream that TLS is laid over, which hears of the socket's errors only that it has closed. */
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

  /** Reads more, or `null` at the end: not before somebody wants it, since TLS itself never stops asking. */
  async #readPlain(): Promise<Uint8Array | null> {
    while (!this.#stream.destroyed && this.#stream.readableLength >= READ_SIZE) {
      await new Promise<void>((resolve) => this.#readOn = resolve);
    }
    const buffer = new Uint8Array(READ_SIZE);
    const length = await this.#socket.read(buffer);
    return length === null ? null : buffer.subarray(0, length);
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = runtimeError(error);
    this.#secure.reject(this.#error);
    this.#wake();
  }
}

/** An error of Node's as the one that the runtime's own sockets throw. */
function runtimeError(error: Error & { code?: string }): Error {
  const { code = "", message } = error;
  if (error instanceof Deno.errors.BadResource) return new Deno.errors.Interrupted(message);
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")) return new Deno.errors.InvalidData(message);
  if (code === "ECONNRESET") return new Deno.errors.ConnectionReset(message);
  if (code === "EPIPE") return new Deno.errors.BrokenPipe(message);
  return error;
}
