import type { FramePart } from "../../../../lib/framing/scanner.ts";
import type { Flow } from "../../../../lib/record/flow.ts";
import type { App } from "./app.ts";
import { formatHex, glyphOf } from "./format.ts";
import { fillPart, inkOn, type Theme } from "./theme.ts";

/** Width of the times at the left. */
export const GUTTER = 76;
/** Width of a byte from which on it is drawn as a character. */
const LEGIBLE = 7.5;

/** Where to draw a direction, and which part of it. */
export interface Frame {
  width: number;
  height: number;
  left: number;
  scale: number;
  /** The first visible row, with a fraction. */
  top: number;
  chosen: number;
  active: boolean;
  hovered: number;
}

/** Draws bytes of a direction on its axis. */
export class ByteAxis {
  /** Offset after the last visible byte. */
  readonly right: number;
  readonly #app: App;
  readonly #theme: Theme;
  readonly #context: CanvasRenderingContext2D;
  readonly #flow: Flow;
  readonly #frame: Frame;

  constructor(app: App, theme: Theme, context: CanvasRenderingContext2D, flow: Flow, frame: Frame) {
    this.right = frame.left + (frame.width - GUTTER) / frame.scale;
    this.#app = app;
    this.#theme = theme;
    this.#context = context;
    this.#flow = flow;
    this.#frame = frame;
  }

  /** The position of an offset. */
  x(offset: number): number {
    return GUTTER + (offset - this.#frame.left) * this.#frame.scale;
  }

  /** Draws bytes in one line, as parts of messages. */
  draw(from: number, to: number, y: number, height: number, labels: boolean): void {
    const context = this.#context;
    const flow = this.#flow;
    const { scale, left } = this.#frame;
    const { colours } = this.#theme;
    const start = Math.max(from, Math.floor(left));
    const end = Math.min(to, Math.ceil(this.right));
    if (start >= end) return;
    let at = start;
    let edge = -Infinity;
    for (let index = flow.partFrom(start); at < end; index++) {
      const part = flow.parts[index];
      const fits = part !== undefined && (part.start < flow.misfit || flow.datagrams);
      const next = !fits ? end : Math.min(end, part.start > at ? part.start : part.end ?? end);
      const role = fits && part.start <= at ? part.role : undefined;
      if (fits && part.start > at) index--;
      if (next <= at && fits) continue;
      const [x, right] = [this.x(at), this.x(next)];
      // Parts narrower than a pixel are not told apart.
      if (right - edge >= 0.5) {
        if (role === undefined) this.#drawKnown(at, next, y, height);
        else fillPart(context, this.#theme, role, x, y, Math.max(right - x, 0.5), height);
        edge = right;
        if (right - x > 4) {
          context.fillStyle = colours.ink;
          context.globalAlpha = 0.75;
          if (at === part?.start) context.fillRect(Math.round(x), y, 1, height);
          context.globalAlpha = 1;
        }
        if (scale < LEGIBLE && labels && right - x > 30) {
          this.#drawLabel(part?.name, role, at, next, x, right, y, height);
        }
      }
      if (scale >= LEGIBLE) this.#drawCharacters(at, next, role, y, height);
      at = next;
      if (!fits) break;
    }
    context.strokeStyle = flow.units.length === 0 || flow.partAt(start) < 0 ? colours.strong : colours.ink;
    context.lineWidth = 1;
    const [x, right] = [this.x(start), this.x(end)];
    context.strokeRect(Math.round(x) + 0.5, y + 0.5, Math.max(1, Math.round(right - x) - 1), height - 1);
  }

  /** Fills where bytes are in no message, and leaves out those that are missing. */
  #drawKnown(from: number, to: number, y: number, height: number): void {
    const flow = this.#flow;
    for (let at = flow.knownFrom(from); at < to;) {
      const end = at + flow.slice(at, to).length;
      const x = this.x(at);
      fillPart(this.#context, this.#theme, undefined, x, y, Math.max(this.x(end) - x, 0.5), height);
      at = flow.knownFrom(end);
    }
  }

  /** Draws each byte as a character, or as two digits. */
  #drawCharacters(
    from: number,
    to: number,
    role: FramePart["role"] | undefined,
    y: number,
    height: number,
  ): void {
    const context = this.#context;
    const { scale } = this.#frame;
    from = this.#flow.knownFrom(from);
    if (from >= to) return;
    const bytes = this.#flow.slice(from, to);
    const { colours, mono } = this.#theme;
    context.textAlign = "center";
    const middle = y + height / 2 + 0.5;
    const small = `${Math.min(10, scale * 0.72)}px ${mono}`;
    const large = `${Math.min(13.5, scale * 1.15)}px ${mono}`;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!;
      const glyph = this.#app.hex ? undefined : glyphOf(byte);
      const x = this.x(from + index + 0.5);
      context.font = glyph?.length === 1 ? large : small;
      if (role === "header") {
        // Text on hatching needs a ground.
        context.fillStyle = colours.header;
        if (glyph !== "␣") context.fillRect(x - scale * 0.36, middle - 7, scale * 0.72, 13);
      }
      context.globalAlpha = glyph === "␣" ? 0.5 : 1;
      context.fillStyle = inkOn(this.#theme, role);
      context.fillText(glyph ?? formatHex(byte), x, middle);
    }
    context.globalAlpha = 1;
    context.textAlign = "left";
    if (from + bytes.length < to) this.#drawCharacters(from + bytes.length, to, role, y, height);
  }

  /** Names a part whose bytes are too narrow for characters, or quotes the beginning of its text. */
  #drawLabel(
    name: string | undefined,
    role: FramePart["role"] | undefined,
    from: number,
    to: number,
    x: number,
    right: number,
    y: number,
    height: number,
  ): void {
    const context = this.#context;
    const left = Math.max(x, GUTTER);
    const room = right - left;
    if (room < 30) return;
    context.save();
    context.beginPath();
    context.rect(left, y, room, height);
    context.clip();
    const isText = role === "payload" || role === undefined;
    context.font = `12px ${isText ? this.#theme.mono : this.#theme.sans}`;
    const bytes = this.#flow.slice(from, Math.min(to, from + Math.ceil(room / 7)));
    const text = isText ? [...bytes].map((byte) => glyphOf(byte) ?? "·").join("") : name ?? "";
    if (role === "header") {
      context.fillStyle = this.#theme.colours.header;
      context.fillRect(left + 2, y + 3, context.measureText(text).width + 6, height - 6);
    }
    context.fillStyle = inkOn(this.#theme, role);
    context.fillText(text.replaceAll("␣", " "), left + 5, y + height / 2 + 0.5);
    context.restore();
  }
}
