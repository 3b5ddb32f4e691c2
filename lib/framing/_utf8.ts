/** Up to this many bytes a loop that finds only ASCII is faster than a call of the runtime. */
const SHORT = 32;
/** Up to this many characters `fromCharCode` is faster than a call of the runtime. */
const FEW = 24;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Slice = (this: Uint8Array, start: number, end: number) => string;
type Check = (bytes: Uint8Array) => boolean;

/** The functions of `node:buffer`, five to ten times as fast as a `TextDecoder`. */
let native: { isAscii: Check; isUtf8: Check; latin1Slice: Slice; utf8Slice: Slice } | undefined;
let loading: Promise<void> | undefined;

/** Starts loading `node:buffer`. That takes 4 ms, so it is not done before there is something to decode. */
function load(): void {
  loading ??= import("node:buffer").then(({ Buffer, isAscii, isUtf8 }) => {
    const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as Record<"latin1Slice" | "utf8Slice", Slice>;
    native = { isAscii, isUtf8, latin1Slice, utf8Slice };
  });
}

/** Whether the bytes from `start` to `end` are UTF-8. */
export function isUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): boolean {
  if (end - start <= SHORT && isAsciiLoop(bytes, start, end)) return true;
  const part = partOf(bytes, start, end);
  if (native !== undefined) return native.isUtf8(part);
  load();
  try {
    strict.decode(part);
    return true;
  } catch {
    return false;
  }
}

/** Whether the bytes from `start` to `end` are ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= SHORT || native === undefined) return isAsciiLoop(bytes, start, end);
  return native.isAscii(partOf(bytes, start, end));
}

/** Decodes the bytes from `start` to `end`, which must be UTF-8. A byte order mark is kept. */
export function utf8Slice(bytes: Uint8Array, start: number, end: number): string {
  if (native !== undefined) return native.utf8Slice.call(bytes, start, end);
  load();
  return strict.decode(bytes.subarray(start, end));
}

/** Does the same as `utf8Slice`, faster, for bytes that must be ASCII. */
export function asciiSlice(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > FEW) return latin1Slice(bytes, start, end) ?? utf8Slice(bytes, start, end);
  const codes = CODES[length]!;
  for (let at = 0; at < length;) codes[at++] = bytes[start++]!;
  return String.fromCharCode(...codes);
}

/** For each length up to `FEW`, an array to pass the codes of characters in. */
const CODES = Array.from({ length: FEW + 1 }, (_, length) => new Array<number>(length).fill(0));

/** Decodes each byte from `start` to `end` to the character of the same code, or returns `undefined` at first. */
export function latin1Slice(bytes: Uint8Array, start: number, end: number): string | undefined {
  load();
  return native?.latin1Slice.call(bytes, start, end);
}

/** Whether a byte continues a character: it is neither ASCII nor the first byte of one. */
export function continuesCharacter(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function isAsciiLoop(bytes: Uint8Array, start: number, end: number): boolean {
  while (start < end && bytes[start]! < 0x80) start++;
  return start === end;
}

function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
