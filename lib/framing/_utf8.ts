/** Up to this many bytes a loop that finds only ASCII is faster than a call of the runtime. */
const SHORT = 32;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
let loading: Promise<void> | undefined;

/** Loads the runtime's own functions, which are five to ten times faster. Loading takes 4 ms, so it begins at the first use. */
function load(): void {
  loading ??= import("node:buffer").then(({ Buffer, isUtf8 }) => {
    const { utf8Slice } = Buffer.prototype as unknown as Record<"utf8Slice", (start: number, end: number) => string>;
    check = isUtf8;
    slice = (bytes, start, end) => utf8Slice.call(bytes, start, end);
  });
}

let check = (bytes: Uint8Array): boolean => {
  load();
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
};

let slice = (bytes: Uint8Array, start: number, end: number): string => {
  load();
  return strict.decode(bytes.subarray(start, end));
};

/** Whether the bytes from `start` to `end` are UTF-8. */
export function isUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): boolean {
  if (end - start <= SHORT) {
    while (start < end && bytes[start]! < 0x80) start++;
    if (start === end) return true;
  }
  return check(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
}

/** Decodes the bytes from `start` to `end`, which must be UTF-8. A byte order mark is kept. */
export function utf8Slice(bytes: Uint8Array, start: number, end: number): string {
  return slice(bytes, start, end);
}

/** Whether a byte continues a character: it is neither ASCII nor the first byte of one. */
export function continuesCharacter(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
