import { CommandError } from "../../../lib/cli/mod.ts";
import { formatAddress } from "../../../lib/net/mod.ts";
import * as chat from "../../../services/chat/protocol.ts";
import * as clock from "../../../services/clock/protocol.ts";
import * as delimited from "../../../services/delimited/protocol.ts";
import * as dispatch from "../../../services/dispatch/protocol.ts";
import * as echo from "../../../services/echo/protocol.ts";
import * as exchange from "../../../services/exchange/protocol.ts";
import * as fixed from "../../../services/fixed/protocol.ts";
import * as lines from "../../../services/lines/protocol.ts";
import * as objects from "../../../services/objects/protocol.ts";
import * as sixteen from "../../../services/sixteen/protocol.ts";
import * as tagged from "../../../services/tagged/protocol.ts";
import * as udpChat from "../../../services/udp_chat/protocol.ts";
import * as uppercase from "../../../services/uppercase/protocol.ts";
import { table } from "../../shared/table.ts";

/** The services by their default ports. */
export const SERVICES: ReadonlyMap<number, string> = new Map([
  [chat.PORT, "chat"],
  [clock.PORT, "clock"],
  [delimited.PORT, "delimited"],
  [dispatch.PORT, "dispatch"],
  [echo.PORT, "echo"],
  [exchange.PORT, "exchange"],
  [fixed.PORT, "fixed"],
  [lines.PORT, "lines"],
  [objects.PORT, "objects"],
  [sixteen.PORT, "sixteen"],
  [tagged.PORT, "tagged"],
  [udpChat.PORT, "udp-chat"],
  [uppercase.PORT, "uppercase"],
]);

/** A socket as the system reports it. */
export interface SocketState {
  protocol: "tcp" | "udp" | "unix";
  /** One of the states of RFC 9293, 3.3.2; empty for UDP, which has none. */
  state: string;
  /** Bytes received that the program has not read; of a listener, connections that wait to be accepted. */
  received: number;
  /** Bytes sent that the peer has not acknowledged; of a listener, the most connections that may wait: the backlog. */
  unsent: number;
  /** An address; of a Unix socket, its path, empty if it has none. */
  local: string;
  peer: string;
}

/** The path that the README gives a service's Unix socket, and that its permission set allows. */
const SOCKET_FILE = /^\/tmp\/wirebench-(.+)\.sock$/;

/** The meaning of the queues. */
const QUEUES = [
  "recv-q: bytes received that the program has not read; at LISTEN, connections that wait to be accepted",
  "send-q: bytes sent that the peer has not acknowledged; at LISTEN, the most connections that may wait (the backlog)",
];

/** The meaning of each state. */
const MEANINGS: Readonly<Record<string, string>> = {
  LISTEN: "waits for connections",
  SYN_SENT: "has requested a connection, and waits for the answer",
  SYN_RECEIVED: "has received a request for a connection, and has answered",
  ESTABLISHED: "connected: both sides can send",
  FIN_WAIT_1: "has ended its side; the peer has not acknowledged this",
  FIN_WAIT_2: "has ended its side; the peer can still send: half-closed",
  CLOSE_WAIT: "the peer has ended its side; this program has not closed yet (many such sockets: it leaks them)",
  CLOSING: "both sides have ended at the same time",
  LAST_ACK: "has ended its side after the peer, and waits for the acknowledgement",
  TIME_WAIT: "closed; the system reserves the addresses for a minute, so that late packets reach no new connection",
  CLOSED: "no longer connected",
};

/** Abbreviations of `ss` and `netstat`. */
const ABBREVIATED: Readonly<Record<string, string>> = {
  ESTAB: "ESTABLISHED",
  UNCONN: "",
  SYN_RECV: "SYN_RECEIVED",
  SYN_RCVD: "SYN_RECEIVED",
  CLOSE: "CLOSED",
};

function stateOf(text: string): string {
  const name = text.replaceAll("-", "_");
  return ABBREVIATED[name] ?? name;
}

/**
 * Parses the output of `ss -H -t -u -x -a -n` (Linux, iproute2): protocol, state, two queues, both addresses. A Unix socket
 * has a path and a number for each address, and an asterisk in place of no path.
 *
 * @param text Its output.
 */
export function parseSs(text: string): SocketState[] {
  const lines = text.split("\n");
  const unix = lines.map((line) => UNIX_SOCKET.exec(line)).filter((fields) => fields !== null);
  const paths = new Map(unix.map(([, , , , local, number]) => [number, pathOf(local!)]));
  return [
    ...lines.map((line) => line.trim().split(/\s+/)).filter(([protocol]) => protocol === "tcp" || protocol === "udp")
      .map(([protocol, state, received, unsent, local, peer]) => ({
        protocol: protocol as "tcp" | "udp",
        state: stateOf(state!),
        received: Number(received),
        unsent: Number(unsent),
        local: normal(local!, ":"),
        peer: normal(peer!, ":"),
      })),
    ...unix.map(([, state, received, unsent, local, , peer, peerNumber]) => ({
      protocol: "unix" as const,
      state: stateOf(state!),
      received: Number(received),
      unsent: Number(unsent),
      local: pathOf(local!),
      peer: pathOf(peer!) || (paths.get(peerNumber) ?? ""),
    })),
  ];
}

/** A line of `ss` about a Unix socket: type, state, two queues, path and number of both ends. */
const UNIX_SOCKET = /^u_\w+\s+(\S+)\s+(\d+)\s+(\d+)\s+(.+?) (\d+)\s+(.+?) (\d+)\s*$/;

function pathOf(text: string): string {
  return text === "*" ? "" : text;
}

/**
 * Parses the output of `netstat -a -n` (macOS): protocol, two queues, both addresses with the port after a dot, state; and for
 * a Unix socket an address in memory, type, two queues, four more addresses, path.
 *
 * @param text Its output.
 */
export function parseNetstat(text: string): SocketState[] {
  const states: SocketState[] = [];
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const [protocol, type, , local = "", peer = "", state = ""] = fields;
    if (/^(tcp|udp)\d/.test(protocol!)) {
      states.push({
        protocol: protocol!.startsWith("udp") ? "udp" : "tcp",
        state: stateOf(state),
        received: Number(fields[1]),
        unsent: Number(fields[2]),
        local: normal(local, "."),
        peer: normal(peer, "."),
      });
    } else if (type === "stream" || type === "dgram") {
      const path = fields.slice(8).join(" ");
      const queues = { received: Number(fields[2]), unsent: Number(fields[3]) };
      states.push({ protocol: "unix", state: "", ...queues, local: path, peer: "" });
    }
  }
  return states;
}

/** An address in the form of {@linkcode formatAddress}, without an interface (`%lo`). */
function normal(text: string, separator: string): string {
  const at = text.lastIndexOf(separator);
  const hostname = text.slice(0, at).replace(/^\[|\]$/g, "").replace(/%\w+/, "");
  const port = text.slice(at + 1);
  return port === "*" ? "" : formatAddress({ hostname, port: Number(port) });
}

/** Lists all sockets of the system. */
async function sockets(): Promise<SocketState[]> {
  const [tool, args, parse] = Deno.build.os === "linux"
    ? ["ss", ["-H", "-t", "-u", "-x", "-a", "-n"], parseSs] as const
    : ["netstat", ["-a", "-n"], parseNetstat] as const;
  try {
    const { stdout, success } = await new Deno.Command(tool, { args: [...args], clearEnv: true, stderr: "null" })
      .output();
    if (!success) throw new CommandError(`${tool} failed: run "${tool} ${args.join(" ")}" for the reason`);
    return parse(new TextDecoder().decode(stdout));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const advice = Deno.build.os === "linux" ? "install the package iproute2" : "only Linux and macOS are supported";
    throw new CommandError(`Cannot find ${tool}: ${advice}`);
  }
}

/** The service at one end of a socket, if any. */
function serviceOf({ protocol, local, peer }: SocketState): string | undefined {
  if (protocol === "unix") return SOCKET_FILE.exec(local || peer)?.[1];
  const port = (address: string) => Number(address.slice(address.lastIndexOf(":") + 1));
  return SERVICES.get(port(local)) ?? SERVICES.get(port(peer));
}

/**
 * Returns a table of listening and connected sockets.
 *
 * @param all Whether to list every socket of the machine, not only those at the services' ports.
 * @param colors Whether to use colours, for a terminal.
 */
export async function state(all: boolean, colors: boolean): Promise<string> {
  const found = (await sockets()).map((socket) => ({ ...socket, service: serviceOf(socket) }));
  const shown = found.filter(({ service }) => all || service !== undefined);
  if (shown.length === 0) {
    return "No service is listening or connected at its default port (--all lists every socket).";
  }
  const rows = shown.map(({ protocol, state, received, unsent, local, peer, service = "" }) => [
    protocol,
    state,
    String(received),
    String(unsent),
    local,
    peer,
    service,
  ]);
  const states = [...new Set(shown.map(({ state }) => state))].filter((state) => state in MEANINGS).sort();
  return [
    table(["", "state", "recv-q", "send-q", "local", "peer", "service"], rows, { right: [2, 3], colors }),
    "",
    ...QUEUES,
    "",
    table(["state", "meaning"], states.map((state) => [state, MEANINGS[state]!]), { colors }),
  ].join("\n");
}
