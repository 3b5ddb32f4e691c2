/** Not given by the tutorial. */
export const PORT = 3006;

/** What the client sends unless it is given something else. */
export const MESSAGE = "Hello, world";

/** What the server answers to so many bytes. */
export function receipt(count: number): string {
  return `received ${count} bytes\n`;
}
