import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { Duplex } from "node:stream";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";

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
  return readPem("certificate", () => new X509Certificate(pem));
}

/**
 * Makes ready to encrypt connections as a server.
 *
 * @throws {RangeError} If the certificate or the key is none, or they do not belong together.
 */
export function serverContext({ cert, key }: Certificate): SecureContext {
  const privateKey = readPem("private key", () => createPrivateKey(key));
  if (!checkCertificate(cert).checkPrivateKey(privateKey)) {
    throw new RangeError("Cannot use the certificate: the private key belongs to another one");
  }
  return createSecureContext({ cert, key });
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
  // Any duplex stream will do, which the types do not say.
  return new TlsSocket(socket, new TLSSocket(streamOf(socket) as never, options), "secure");
}

/** Encrypts an open connection as the client. */
export function encryptClient(socket: Deno.Conn, serverName: string, ca: string[] | undefined): Socket {
  const stream = connect({
    socket: streamOf(socket) as never,
    host: serverName,
    // The name is asked for only where it is one (RFC 6066, 3).
    servername: isIP(serverName) === 0 ? serverName : "",
    allowHalfOpen: true,
    ...(ca === undefined ? {} : { ca }),
  } as never) as TLSSocket;
  return new TlsSocket(socket, stream, "secureConnect");
}

/** A socket as the stream that TLS is laid over. */
function streamOf(socket: Deno.Conn): Duplex {
  return new Duplex({
    allowHalfOpen: true,
    read() {
      const buffer = new Uint8Array(READ_SIZE);
      socket.read(buffer).then(
        (length) => this.push(length === null ? null : buffer.subarray(0, length)),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _, written) {
      writeAll(socket, chunk).then(() => written(), written);
    },
    final(ended) {
      socket.closeWrite().then(() => ended(), ended);
    },
    destroy(error, destroyed) {
      socket.close();
      destroyed(error);
    },
  });
}

async function writeAll(socket: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await socket.write(bytes));
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
  #wake: () => void = () => {};

  constructor(socket: Deno.Conn, stream: TLSSocket, secureEvent: "secure" | "secureConnect") {
    this.#socket = socket;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
    this.#stream = stream;
    this.#secure.promise.catch(() => {}); // Whoever reads or writes is told.
    stream.on(secureEvent, () => this.#secure.resolve());
    stream.on("readable", () => this.#wake());
    stream.on("end", () => {
      this.#ended = true;
      this.#secure.reject(new Deno.errors.UnexpectedEof("The peer ended during the handshake"));
      this.#wake();
    });
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () => this.#fail(new Deno.errors.Interrupted("The connection is closed")));
  }

  async handshake(): Promise<void> {
    await this.#secure.promise;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const chunk: Uint8Array | null = this.#stream.read();
      if (chunk !== null) this.#rest = chunk;
      else if (this.#error !== undefined) throw this.#error;
      else if (this.#ended) return null;
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
  }

  setNoDelay(noDelay: boolean): void {
    this.#socket.setNoDelay?.(noDelay);
  }

  #fail(error: Error): void {
    this.#error ??= runtimeError(error);
    this.#secure.reject(this.#error);
    this.#wake();
  }
}

/** An error of Node's as the one that the runtime's own sockets throw. */
function runtimeError(error: Error & { code?: string }): Error {
  const { code = "", message } = error;
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")) return new Deno.errors.InvalidData(message);
  if (code === "ECONNRESET") return new Deno.errors.ConnectionReset(message);
  if (code === "EPIPE") return new Deno.errors.BrokenPipe(message);
  return error;
}
