const strict = new TextDecoder("utf-8", { fatal: true });

/** Used until the runtime's own `isUtf8` is loaded: that is ten times faster, but takes a starting server 4 ms to load. */
function isUtf8Slowly(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

let check: (bytes: Uint8Array) => boolean = isUtf8Slowly;
let loading: Promise<void> | undefined;

/** Starts loading the faster check; to be called by framings that check every chunk. */
export function prepareUtf8(): void {
  loading ??= import("node:buffer").then(({ isUtf8 }) => {
    check = isUtf8;
  });
}

/** Whether the bytes are UTF-8 text. */
export function isUtf8(bytes: Uint8Array): boolean {
  return check(bytes);
}
