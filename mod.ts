/**
 * Socket programs and the library that they are made of. This module exports what every program needs; each part has its
 * own export:
 *
 * | import                              | contents                                                                   |
 * | ----------------------------------- | -------------------------------------------------------------------------- |
 * | `@wirebench/wirebench/framing`       | bytes to messages and back, without I/O                                    |
 * | `@wirebench/wirebench/framing/check` | tests a framing with every split of its streams                            |
 * | `@wirebench/wirebench/net`           | servers and clients for TCP, TLS, UDP and Unix sockets, limits, deadlines  |
 * | `@wirebench/wirebench/log`           | a transcript for people, JSON lines for programs                           |
 * | `@wirebench/wirebench/cli`           | command lines: options, help, exit codes, signals                          |
 * | `@wirebench/wirebench/launch`        | runs a server or a client as a command                                     |
 * | `@wirebench/wirebench/record`        | records what passes a proxy, and reads recordings                          |
 * | `@wirebench/wirebench/proxy`         | a proxy that makes network faults on demand                                |
 * | `@wirebench/wirebench/echo` ...      | a service to start inside a test: `chat`, `clock`, `delimited`, `dispatch`, `exchange`, `fixed`, `lines`, `objects`, `sixteen`, `tagged`, `udp-chat`, `uppercase` |
 *
 * ```ts
 * import { connectTcp, framed, json, lengthPrefix, serveTcp } from "@wirebench/wirebench";
 * import { assertEquals } from "@std/assert";
 *
 * const protocol = json(lengthPrefix({ bytes: 2 }));
 * await using server = serveTcp({ port: 0 }, async (connection) => {
 *   const messages = framed(connection, protocol);
 *   for await (const message of messages) await messages.send({ received: message });
 * });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, protocol);
 * await messages.send("Hey");
 * assertEquals(await messages.receive(), { received: "Hey" });
 * ```
 *
 * @module
 */

export * from "./lib/framing/mod.ts";
export * from "./lib/net/mod.ts";
