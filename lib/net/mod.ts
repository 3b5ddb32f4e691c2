/**
 * Sockets: listening, connecting, limits, deadlines, fairness, draining. A connection carries bytes; {@linkcode framed}
 * sends and receives messages over it.
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

export { formatAddress, type HostPort, type ListenAddress } from "./address.ts";
export type { CountsRow } from "./_admission.ts";
export {
  Broadcast,
  type BroadcastOptions,
  type Room,
  type RoomMember,
  type SlowPolicy,
  type Subscriber,
} from "./broadcast.ts";
export { connectTcp, type ConnectTcpOptions } from "./connect_tcp.ts";
export { connectUdp, type ConnectUdpOptions, type UdpPeer, type UdpRequestOptions } from "./connect_udp.ts";
export { Connection, type ReadWait } from "./connection.ts";
export type { Endpoint } from "./endpoint.ts";
export { type CloseReason, ConnectionError, TimedOut } from "./errors.ts";
export { type Framed, framed, type PushOptions, type WaitOptions } from "./framed.ts";
export type { ConnectionOptions, Deadlines } from "./limits.ts";
export type { LoopShare } from "./loop.ts";
export { reconnecting, type ReconnectingOptions, type ReconnectingState } from "./reconnecting.ts";
export { type DrainReport, serveTcp, type ServeTcpOptions, type TcpServer } from "./serve_tcp.ts";
export { type DropReason, serveUdp, type ServeUdpOptions, type UdpServer } from "./serve_udp.ts";
export {
  type ServerWorker,
  serveWorkers,
  type ServeWorkersOptions,
  type StartWorker,
  type WorkerOptions,
  type WorkerReport,
  type WorkersServer,
} from "./serve_workers.ts";
export type { ServeOptions, Server } from "./server.ts";
export type { Clock } from "./timer.ts";
export type { Certificate, Trust } from "./_tls.ts";
export { type Datagram, NoAnswerError } from "./udp_socket.ts";
export { removeStaleSocket } from "./unix.ts";
export { startThread, type WorkerProgram } from "./worker_threads.ts";
