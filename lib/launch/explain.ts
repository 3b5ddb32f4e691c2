import { explainError } from "../cli/errors.ts";
import { FramingError } from "../framing/errors.ts";
import { ConnectionError, TimedOut, toConnectionError } from "../net/errors.ts";

/** What a command was attempting, so that an error message can give advice. */
export interface Attempt {
  /** Name of the task, `echo:server`. */
  task: string;
  /** The address it listens at or connects to. */
  address?: string;
  /** Option that sets the address; `--port` by default. */
  option?: string;
}

/**
 * Formats an error as one line that says what went wrong and what to do about it.
 *
 * @param error The error.
 * @param attempt What the command was attempting.
 * @returns One line, without a stack trace.
 */
export function explain(error: unknown, { task, address = "the address", option = "--port" }: Attempt): string {
  if (!(error instanceof Error)) return explainError(error);
  const { message } = error;
  if ([ConnectionError, FramingError, TimedOut].some((known) => error instanceof known)) return message;
  if (error instanceof Deno.errors.NotCapable) return sandboxed(message, task, address);
  if (error instanceof Deno.errors.AddrInUse) {
    if (isPath(address)) return `${address} is in use: a program listens there, or it is a file of another kind`;
    return `${address} is in use: stop the program that listens there, or choose another ${option} (0 takes a free one)`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return `${address} is not an address of this machine`;
  if (error instanceof Deno.errors.NotFound && task.endsWith(":server")) return `There is no folder for ${address}`;
  if (error instanceof Deno.errors.NotFound) return `There is no ${address}: ${startServer(task)}, or check --unix`;
  if (error instanceof Deno.errors.PermissionDenied) {
    if (isPath(address)) return `The system does not allow ${address}: it belongs to another user`;
    return `The system does not allow listening at ${address}: choose a ${option} above 1023`;
  }
  if (error instanceof Deno.errors.ConnectionRefused) {
    const where = isPath(address) ? "--unix" : "--host and --port";
    return `Nobody listens at ${address}: ${startServer(task)}, or check ${where}`;
  }
  if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.NotConnected) {
    return toConnectionError(error).message;
  }
  if (/lookup address|no address|getaddrinfo/.test(message)) {
    return `Cannot resolve the host of ${address}: check --host`;
  }
  return explainError(error);
}

/** Whether an address is that of a Unix socket. */
function isPath(address: string): boolean {
  return address.includes("/") && !address.includes("://");
}

function startServer(task: string): string {
  return `start the server with deno task ${task.replace(":client", ":server")}`;
}

/** Names the missing grant and the command that adds it. Exposing a service takes an explicit command. */
function sandboxed(message: string, task: string, address: string): string {
  const wanted = /^Requires (\w+) access to "([^"]+)"/.exec(message);
  // The proxy has no client. Tools are not services, so there is no command to suggest.
  const [service, side] = task === "proxy" ? [task, "server"] : task.split(":");
  if (wanted === null || side === undefined) return message;
  const [, kind, what] = wanted;
  // A Unix socket needs grants for its file and its address.
  const asked = what === address && isPath(address) ? [`unix:${what}`] : what!.split(",");
  const paths = asked.filter((one) => one.startsWith("unix:")).map((one) => one.slice("unix:".length));
  const files = paths.length === 0 ? "" : `--allow-read=${paths} --allow-write=${paths} `;
  // A socket on a free port also exchanges data with other ports.
  const grant = /:0(,|$)/.test(what!) ? `--allow-${kind}` : `--allow-${files === "" ? kind : "net"}=${asked}`;
  const set = task.replace(":", "-");
  const command = `deno run -P=${set} ${files}${grant} services/${service!.replaceAll("-", "_")}/${side}.ts`;
  return `The sandbox of ${task} does not allow ${
    what!.replaceAll("unix:", "")
  }; to allow it on purpose: ${command} ...`;
}
