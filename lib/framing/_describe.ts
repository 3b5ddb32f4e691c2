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

/** What no message of ours begins with by chance. */
const PROTOCOLS: [pattern: RegExp, name: string][] = [
  [/^(GET|PUT|POST|HEAD|PATCH|TRACE|DELETE|OPTIONS|CONNECT) /, "an HTTP request"],
  [/^PRI \* HTTP/, "an HTTP/2 request"],
  [/^HTTP\/\d/, "an HTTP response"],
  // RFC 8446, 5.1: a record of a handshake or an alert, and its legacy version.
  // deno-lint-ignore no-control-regex
  [/^\x16\x03[\x00-\x04]/, "a TLS hello"],
  // deno-lint-ignore no-control-regex
  [/^\x15\x03[\x00-\x04]/, "a TLS alert"],
  // PEP 3154 and before: the opcode PROTO and the protocol.
  // deno-lint-ignore no-control-regex
  [/^\x80[\x02-\x05]/, "a pickle"],
  [/^SSH-\d/, "an SSH greeting"],
];

/** Ways to tell messages apart. */
const FRAMINGS: [pattern: RegExp, name: string][] = [
  [/^(?= *\d+ {2})[\d ]{10}/, "a decimal length header"],
  [/^(0|[1-9]\d{0,8}):.*,/s, "a netstring"],
  [/^[\t -~]+\r?\n/, "a line of text"],
];

function opening(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, SHOWN_BYTES));
}

/** Names the protocol that bytes open beyond doubt, or `undefined`. */
export function protocolOf(bytes: Uint8Array): string | undefined {
  const text = opening(bytes);
  return PROTOCOLS.find(([pattern]) => pattern.test(text))?.[1];
}

/** Names the protocol or the framing that bytes seem to open, or `undefined` when they look like nothing known. */
export function looksLike(bytes: Uint8Array): string | undefined {
  const text = opening(bytes);
  return protocolOf(bytes) ?? FRAMINGS.find(([pattern]) => pattern.test(text))?.[1] ?? lengthPrefixOf(bytes);
}

/** All that can be said of bytes that could be the middle of anything. */
export const TEXT = "text";

/** The same, and text at the least, where anything but text was expected. */
export function looksLikeOrText(bytes: Uint8Array): string | undefined {
  return looksLike(bytes) ?? (/^[\t -~]{4,}$/.test(opening(bytes)) ? TEXT : undefined);
}

/** A length of four bytes, and as much after it at the most. */
function lengthPrefixOf(bytes: Uint8Array): string | undefined {
  const rest = bytes.length - 4;
  if (rest < 1) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fits = (length: number) => length >= rest && length <= 0xffff;
  if (fits(view.getUint32(0))) return "a length of 4 bytes, the most significant first";
  if (fits(view.getUint32(0, true))) return "a length of 4 bytes, the least significant first";
  return undefined;
}
