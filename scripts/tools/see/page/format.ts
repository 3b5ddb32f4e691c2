import type { Direction } from "../../../../lib/record/event.ts";

/** Formats a time in microseconds: `754 ms`, `1.652 s`. */
export function formatTime(t: number): string {
  const milliseconds = t / 1000;
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(3)} s`;
}

/** Formats the time between two events in microseconds: `+10.5`, in milliseconds. */
export function formatDelta(t: number): string {
  const milliseconds = t / 1000;
  if (milliseconds < 1000) return `+${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)}`;
  return `+${(milliseconds / 1000).toFixed(2)} s`;
}

/** Formats a number of bytes for a narrow place: `68 B`, `1.2 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Formats a number with its thousands apart. */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** Formats a byte as two hexadecimal digits. */
export function formatHex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

const GLYPHS: Readonly<Record<number, string>> = { 0x20: "␣", 0x0a: "\\n", 0x0d: "\\r", 0x09: "\\t", 0x00: "\\0" };

/** The character that shows a byte, or `undefined` if only its number does. */
export function glyphOf(byte: number): string | undefined {
  return GLYPHS[byte] ?? (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : undefined);
}

/** The sender and the receiver of a direction. */
export function endsOf(way: Direction): [from: string, to: string] {
  return way === "up" ? ["client", "server"] : ["server", "client"];
}

/** The sign of a direction. */
export function arrowOf(way: Direction): string {
  return way === "up" ? "↑" : "↓";
}

/** The host and port of an address, without its scheme. */
export function hostOf(address: string): string {
  return address.replace(/^[a-z]+:\/\//, "").replace(/^unix:/, "");
}

/** The next 1, 2 or 5 times a power of ten. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power;
}
