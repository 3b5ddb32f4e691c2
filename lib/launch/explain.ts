import { explainError } from "../cli/errors.ts";
import { FramingError } from "../framing/errors.ts";
import { ConnectionError, TimedOut, toConnectionError } from "../net/errors.ts";

/** Command lines that error messages suggest. Without them the messages name only what is missing. */
export interface Advice {
  /** Returns the command line that starts the program with permission flags. */
  readonly grant?: ((flags: string) => string) | undefined;
  /** Grants of the permission set that a flag of the same kind must name again, since it replaces them. */
  readonly kept?: { readonly [Kind in "net" | "read" | "write"]?: readonly string[] } | undefined;
  /** Command line that starts the server of a client. */
  readonly server?: string | undefined;
  /** Command line that makes a certificate. */
  readonly certificate?: string | undefined;
}

/** What a command was attempting, so that an error message can give advice. */
export interface Attempt {
  /** Name of the program. */
  name: string;
  /** What to suggest. */
  advice?: Advice | undefined;
  /** Whether it listens at the address. */
  listens?: boolean | undefined;
  /** The address it listens at or connects to. */
  address?: string | undefined;
  /** Option that sets the address; `--port` by default. */
  option?: string | undefined;
}

/**
 * Formats an error as one line that says what went wrong and what to do about it.
 *
 * @param error The error.
 * @param attempt What the command was attempting.
 * @returns One line, without a stack trace.
 */
export function explain(
  error: unknown,
  { name, advice = {}, listens = false, address = "the address", option = "--port" }: Attempt,
): string {
  if (!(error instanceof Error)) return explainError(error);
  const { message } = error;
  if ([ConnectionError, FramingError, TimedOut].some((known) => error instanceof known)) return message;
  if (error instanceof Deno.errors.NotCapable) return sandboxed(message, name, advice, address);
  if (error instanceof Deno.errors.AddrInUse) {
    if (isPath(address)) return `${address} is in use: a program listens there, or it is a file of another kind`;
    return `${address} is in use: stop the program that listens there, or choose another ${option} (0 takes a free one)`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return `${address} is not an address of this machine`;
  if (error instanceof Deno.errors.NotFound && listens) return `There is no folder for ${address}`;
  if (error instanceof Deno.errors.NotFound) return `There is no ${address}: ${startServer(advice)}, or check --unix`;
  if (error instanceof Deno.errors.PermissionDenied) {
    if (isPath(address)) return `The system does not allow ${address}: it belongs to another user`;
    return `The system does not allow listening at ${address}: choose a ${option} above 1023`;
  }
  if (error instanceof Deno.errors.ConnectionRefused) {
    const where = isPath(address) ? "--unix" : "--host and --port";
    return `Nobody listens at ${address}: ${startServer(advice)}, or check ${where}`;
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

function startServer({ server }: Advice): string {
  return server === undefined ? "start the server" : `start the server with ${server}`;
}

/** Names the missing grant and the command that adds it. Exposing a service takes an explicit command. */
function sandboxed(message: string, name: string, { grant, kept = {} }: Advice, address: string): string {
  const wanted = /^Requires (\w+) access to "([^"]+)"/.exec(message);
  if (wanted === null) return message;
  const [, kind, what] = wanted;
  // A Unix socket needs grants for its file and its address.
  const asked = what === address && isPath(address) ? [`unix:${what}`] : what!.split(",");
  const paths = asked.filter((one) => one.startsWith("unix:")).map((one) => one.slice("unix:".length));
  const allow = (kind: string, names: string[]) =>
    `--allow-${kind}=${[...names, ...kept[kind as keyof typeof kept] ?? []]}`;
  const files = paths.length === 0 ? "" : `${allow("read", paths)} ${allow("write", paths)} `;
  // A socket on a free port also exchanges data with other ports.
  const flag = /:0(,|$)/.test(what!) ? `--allow-${kind}` : allow(files === "" ? kind! : "net", asked);
  const how = grant === undefined ? `, add ${files}${flag}` : `: ${grant(files + flag)} ...`;
  const allowed = what!.replaceAll("unix:", "");
  return `The sandbox of ${name} does not allow ${allowed}; to allow it on purpose${how}`;
}
