/** Longer than any header here, and enough to recognise another protocol. */
const SHOWN_BYTES = 32;

/** Formats bytes as quoted ASCII, with `\xNN` for all others, so that no byte can control a terminal. */
export function quote(bytes: Uint8Array): string {
  let shown = "";
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    shown += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  const more = bytes.length - SHOWN_BYTES;
  return `"${shown}"${more > 0 ? ` and ${more} bytes more` : ""}`;
}

/** Protocols whose first bytes are distinctive: no valid message starts with them by chance. */
const PROTOCOLS: [pattern: RegExp, name: string][] = [
  [/^(GET|PUT|POST|HEAD|PATCH|TRACE|DELETE|OPTIONS|CONNECT) /, "an HTTP request"],
  [/^PRI \* HTTP/, "an HTTP/2 request"],
  [/^HTTP\/\d/, "an HTTP response"],
  // RFC 8446, 5.1: the content type of a handshake or an alert, then the legacy record version.
  // deno-lint-ignore no-control-regex
  [/^\x16\x03[\x00-\x04]/, "a TLS hello"],
  // deno-lint-ignore no-control-regex
  [/^\x15\x03[\x00-\x04]/, "a TLS alert"],
  // PEP 307, 3154 and 574: the opcode PROTO, then the protocol version.
  // deno-lint-ignore no-control-regex
  [/^\x80[\x02-\x05]/, "a pickle"],
  [/^SSH-\d/, "an SSH greeting"],
];

/** Framings whose first bytes are less distinctive. */
const FRAMINGS: [pattern: RegExp, name: string][] = [
  [/^(?= *\d+ {2})[\d ]{10}/, "a decimal length header"],
  [/^(0|[1-9]\d{0,8}):.*,/s, "a netstring"],
  [/^[\t -~]+\r?\n/, "a line of text"],
];

function opening(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, SHOWN_BYTES));
}

/** Names the protocol of a stream that starts with these bytes, or returns `undefined` if it is not certain. */
export function protocolOf(bytes: Uint8Array): string | undefined {
  const text = opening(bytes);
  return PROTOCOLS.find(([pattern]) => pattern.test(text))?.[1];
}

/** Names the protocol or framing that a stream with these first bytes probably uses, or returns `undefined`. */
export function looksLike(bytes: Uint8Array): string | undefined {
  const text = opening(bytes);
  return protocolOf(bytes) ?? FRAMINGS.find(([pattern]) => pattern.test(text))?.[1] ?? lengthPrefixOf(bytes);
}

/** The weakest hint, which a better one replaces. */
export const TEXT = "text";

/** Does the same as `looksLike`, but recognises printable ASCII too; for formats that are not text themselves. */
export function looksLikeOrText(bytes: Uint8Array): string | undefined {
  return looksLike(bytes) ?? (/^[\t -~]{4,}$/.test(opening(bytes)) ? TEXT : undefined);
}

/** Recognises a four-byte length that is not less than the number of bytes after it, and below 64 KiB. */
function lengthPrefixOf(bytes: Uint8Array): string | undefined {
  const rest = bytes.length - 4;
  if (rest < 1) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fits = (length: number) => length >= rest && length <= 0xffff;
  if (fits(view.getUint32(0))) return "a length of 4 bytes, the most significant first";
  if (fits(view.getUint32(0, true))) return "a length of 4 bytes, the least significant first";
  return undefined;
}
