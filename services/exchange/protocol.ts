/** The tutorial names no port. */
export const PORT = 3006;

/** The client's request if none is given. */
export const DEFAULT_MESSAGE = "Hello, world";

/** The server's answer to a request of this many bytes. */
export function receipt(length: number): string {
  return `received ${length} bytes\n`;
}
