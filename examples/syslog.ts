// A receiver of syslog over TCP (RFC 6587, both framings), which prints each message (RFC 5424) as a line of JSON.
//
//     deno run --allow-net=127.0.0.1 examples/syslog.ts
//     logger --tcp --octet-count --server 127.0.0.1 --port 1514 Hello

import { printLine } from "@wirebench/wirebench/cli";
import { customFraming, type DecodedFrame, encodeText, type Framing } from "@wirebench/wirebench/framing";
import { runTcpServer } from "@wirebench/wirebench/launch";
import { framed, serveTcp, type ServeTcpOptions, type TcpServer } from "@wirebench/wirebench/net";

/** A message. The fields of its header are missing if the sender sent none, or `-`. */
export interface SyslogMessage {
  /** What sent it, from 0 (the kernel) to 23. */
  facility: number;
  /** From 0 (emergency) to 7 (debug). */
  severity: number;
  /** When it was sent, in the form of RFC 3339. */
  timestamp?: string;
  /** The sender's host. */
  hostname?: string;
  /** The program. */
  app?: string;
  /** Its process. */
  process?: string;
  /** The type of message. */
  id?: string;
  /** Structured data: parameters under the identifiers of their elements. */
  data?: Record<string, Record<string, string>>;
  /** The message itself. */
  text: string;
}

/** Number of digits of the longest length, and of bytes of the longest message by default. RFC 5424 suggests 2048. */
const MOST_DIGITS = 7;
const LONGEST = 64 * 1024;

/**
 * Messages as text. A message that begins with a digit has its length before it; one that begins with `<` ends at a line
 * feed or, as Python's SysLogHandler sends it, at a zero byte.
 */
export function syslogFrames(maxLength = LONGEST): Framing<string> {
  return customFraming({
    maxLength,
    encode: (message: string) => encodeText(`${encodeText(message).length} ${message}`),
    /** Number of bytes of an incomplete message in which there is no end. */
    state: () => ({ searched: 0 }),
    decode(bytes, start, end, { state, integer, text, malformed }): DecodedFrame<string> | number {
      const first = bytes[start]!;
      if (first === 0x3c) { // <
        let at = start + state.searched;
        while (at < end && bytes[at] !== 0x0a && bytes[at] !== 0) at++;
        state.searched = at < end ? 0 : end - start;
        return at < end ? { message: text(start, at), end: at + 1 } : 1;
      }
      if (first < 0x31 || first > 0x39) throw malformed("a length in digits, or <", start);
      const space = bytes.subarray(start, Math.min(end, start + MOST_DIGITS + 1)).indexOf(0x20);
      if (space === -1 && end - start > MOST_DIGITS) throw malformed("a space after the length", start + MOST_DIGITS);
      if (space === -1) return 1;
      const from = start + space + 1;
      const next = from + integer(start, from - 1);
      return next <= end ? { message: text(from, next), end: next } : next - end;
    },
  });
}

const HEADER = /^<(\d{1,3})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /;
const PRIORITY = /^<(\d{1,3})>/;
const ELEMENT = /\[([^\s=\]"]{1,32})((?: [^\s=\]"]{1,32}="(?:[^"\\\]]|\\.)*")*)\]/sy;
const PARAMETER = / ([^=]+)="((?:[^"\\]|\\.)*)"/gs;

/**
 * Parses a message. One without a valid header of RFC 5424 becomes text as a whole, after its priority if it has one: RFC
 * 3164 (4.3.3) treats what has none as a notice of a user.
 */
export function parseSyslog(message: string): SyslogMessage {
  const header = HEADER.exec(message);
  const [start = "", digits = "13"] = header ?? PRIORITY.exec(message) ?? [];
  const priority = Number(digits);
  if (priority > 191) return { facility: 1, severity: 5, text: message };
  const plain = { facility: priority >> 3, severity: priority & 7, text: message.slice(start.length) };
  if (header === null) return plain;

  const data: [string, Record<string, string>][] = [];
  let at = start.length;
  if (message[at] === "-") at++;
  else {
    ELEMENT.lastIndex = at;
    for (let element; (element = ELEMENT.exec(message)) !== null; at = ELEMENT.lastIndex) {
      const parameters = [...element[2]!.matchAll(PARAMETER)].map(([, name, value]) =>
        [name!, value!.replace(/\\(["\\\]])/g, "$1")] as const
      );
      data.push([element[1]!, Object.fromEntries(parameters)]);
    }
  }
  // The header ends at a space, or with the message.
  if (at === start.length || (at < message.length && message[at] !== " ")) {
    return { ...plain, text: message.slice(PRIORITY.exec(message)![0].length) };
  }
  const names = ["timestamp", "hostname", "app", "process", "id"] as const;
  const fields = names.map((name, index) => [name, header[index + 2]!] as const).filter(([, value]) => value !== "-");
  return {
    ...plain,
    ...Object.fromEntries(fields),
    ...(data.length > 0 ? { data: Object.fromEntries(data) } : {}),
    text: message.slice(at + 1).replace(/^\ufeff/, ""), // UTF-8 may be marked with a byte order mark.
  };
}

/** Receives messages. The next of a connection is read when the promise of `onMessage` has resolved. */
export function serveSyslog(
  options: ServeTcpOptions & { maxMessage?: number | undefined },
  onMessage: (message: SyslogMessage, peer: string) => void | Promise<void>,
): TcpServer {
  const framing = syslogFrames(options.maxMessage);
  // Senders say nothing while nothing happens.
  return serveTcp(
    { port: 1514, firstMessageTimeout: Infinity, idleTimeout: Infinity, ...options },
    async (connection) => {
      for await (const message of framed(connection, framing)) await onMessage(parseSyslog(message), connection.remote);
    },
  );
}

if (import.meta.main) {
  runTcpServer({
    name: "syslog",
    summary: "Receives syslog over TCP and prints each message as a line of JSON.",
    port: 1514,
    idleTimeout: Infinity,
  }, (options) => serveSyslog(options, (message, peer) => printLine(JSON.stringify({ peer, ...message }))));
}
