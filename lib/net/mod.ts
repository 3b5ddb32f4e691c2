/**
 * Sockets: listening, connecting, limits, deadlines, draining. Knows no message; {@linkcode framed} lays any framing
 * over a connection.
 *
 * ```ts
 * import { connectTcp, serveTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveTcp({ port: 0 }, (connection) => connection.write(Uint8Array.of(42)));
 * using connection = await connectTcp({ port: server.addr.port });
 * assertEquals(await connection.readChunk(), Uint8Array.of(42));
 * assertEquals(await connection.readChunk(), null);
 * ```
 *
 * @module
 */

export * from "./address.ts";
export * from "./allow_list.ts";
export * from "./broadcast.ts";
export * from "./connect_tcp.ts";
export * from "./connect_udp.ts";
export * from "./connection.ts";
export * from "./errors.ts";
export * from "./framed.ts";
export * from "./limits.ts";
export * from "./parts.ts";
export * from "./serve_tcp.ts";
export * from "./serve_udp.ts";
export * from "./server.ts";
export * from "./timer.ts";
export * from "./udp_socket.ts";
export type { CountsRow } from "./_admission.ts";
export type { Certificate, Socket, Trust } from "./_tls.ts";
export { removeStaleSocket } from "./unix.ts";
