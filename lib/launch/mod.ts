/**
 * Runs a service's server or client as a command. Joins command lines (`cli`) and sockets (`net`).
 *
 * ```ts ignore
 * import { runTcpServer } from "@wirebench/wirebench/launch";
 * import { serveEcho } from "@wirebench/wirebench/echo";
 *
 * await runTcpServer({ name: "echo", summary: "Sends back what it gets.", port: 65432 }, serveEcho);
 * ```
 *
 * @module
 */

export { type ClientCommand, type ClientRun, runClient } from "./client.ts";
export { type Advice, type Attempt, explain } from "./explain.ts";
export { addresses, endpoint, ranges } from "./options.ts";
export { type Program, runTask, type TaskRun } from "./run.ts";
export { runTcpServer, runUdpServer, type ServerCommand, type TcpServerCommand } from "./server.ts";
