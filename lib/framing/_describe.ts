/** More than any header of ours, and enough to recognise what came instead. */
const SHOWN_BYTES = 32;

/** Shows bytes as quoted ASCII with `\xNN` for everything else, so that no byte can steer a terminal. */
export function quote(bytes: Uint8Array): string {
  let shown = "";
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    shown += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  const more = bytes.length - SHOWN_BYTES;
  return `"${shown}"${more > 0 ? ` and ${more} bytes more` : ""}`;
}

const OPENINGS: [pattern: RegExp, name: string][] = [
  [/^(GET|PUT|POST|HEAD|PATCH|TRACE|DELETE|OPTIONS|CONNECT) /, "an HTTP request"],
  [/^PRI \* HTTP/, "an HTTP/2 request"],
  [/^HTTP\/\d/, "an HTTP response"],
  // RFC 8446, 5.1: a handshake record and its legacy version.
  // deno-lint-ignore no-control-regex
  [/^\x16\x03[\x00-\x04]/, "a TLS hello"],
  // PEP 3154 and before: the opcode PROTO and the protocol.
  // deno-lint-ignore no-control-regex
  [/^\x80[\x02-\x05]/, "a pickle"],
  [/^SSH-\d/, "an SSH greeting"],
  [/^ *\d+ {2,}\D*$/, "a decimal length header"],
];

/** Names the protocol that bytes seem to open, or `undefined` when they look like nothing known. */
export function looksLike(bytes: Uint8Array): string | undefined {
  const opening = String.fromCharCode(...bytes.subarray(0, SHOWN_BYTES));
  return OPENINGS.find(([pattern]) => pattern.test(opening))?.[1];
}
