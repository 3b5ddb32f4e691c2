/**
 * The command line: options described once, help, exit codes, signals that drain, standard input that does not keep
 * a finished program alive.
 *
 * ```ts
 * import { helpText, port } from "@wirebench/wirebench/cli";
 *
 * const options = { port: port("Port to listen at", 7, 0) };
 * console.log(helpText({ name: "echo:server", summary: "Sends back what it gets.", options }));
 * ```
 *
 * @module
 */

export * from "./client.ts";
export * from "./conversation.ts";
export * from "./explain.ts";
export * from "./options.ts";
export * from "./run.ts";
export * from "./server.ts";
export * from "./signals.ts";
export * from "./stdio.ts";
