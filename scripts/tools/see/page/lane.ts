import type { FramePart } from "../../../../lib/framing/scanner.ts";
import type { Direction } from "../../../../lib/record/event.ts";
import type { Flow, Row } from "../../../../lib/record/session.ts";
import type { App } from "./app.ts";
import { bold, fill, make, setText } from "./dom.ts";
import { endsOf, formatCount, formatDelta, formatHex, formatTime, glyphOf, hostOf } from "./format.ts";
import { fillPart, inkOn, prepare, type Theme } from "./theme.ts";

/** Width of the times at the left. */
const GUTTER = 76;
/** Width kept free at the right, for the words after a piece. */
const MARGIN = 168;
const ROW = 20;
/** Heights from the top: numbers of bytes, numbers of messages, the messages, what the sender wrote. */
const RULER = 10;
const LABEL = 26;
const MEANT = 36;
const MEANT_HEIGHT = 22;
const SENT = 62;
const SENT_HEIGHT = 16;
const ROWS = 90;
/** Width of a byte in pixels at most, unless zoomed. */
const WIDE = 12.5;
/** Width of a byte from which on it is drawn as a character. */
const LEGIBLE = 7.5;

/** One direction: the bytes from left to right, and pieces from top to bottom. */
export class Lane {
  readonly way: Direction;
  /** Pixels of a byte; `undefined` to choose by the length of the pieces. */
  zoom: number | undefined;
  readonly #app: App;
  readonly #section: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #scroll: HTMLElement;
  readonly #spacer: HTMLElement;
  /** Offset by which the axis was moved by hand, in bytes. */
  #shift = 0;
  /** Offset of the byte at the left edge. */
  #left = 0;
  #scale = WIDE;
  #hovered = -1;
  #shown: { flow: Flow | undefined; row: number; length: number } = { flow: undefined, row: -1, length: 0 };
  #tally = "";

  /** Finds its elements on the page. */
  constructor(app: App, way: Direction) {
    this.way = way;
    this.#app = app;
    this.#section = document.getElementById(`lane-${way}`)!;
    this.#canvas = this.#section.querySelector("canvas")!;
    this.#scroll = this.#section.querySelector(".scroll")!;
    this.#spacer = this.#section.querySelector(".spacer")!;
    this.#scroll.addEventListener("scroll", () => app.changed(), { passive: true });
    this.#scroll.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener("pointerdown", ({ offsetX, offsetY }) => this.#choose(offsetX, offsetY));
    this.#canvas.addEventListener("pointermove", ({ offsetY }) => this.#hover(this.#rowAt(offsetY)));
    this.#canvas.addEventListener("pointerleave", () => this.#hover(-1));
    new ResizeObserver(() => app.changed()).observe(this.#scroll);
  }

  /** Makes bytes wider or narrower. */
  zoomBy(factor: number): void {
    this.zoom = Math.max(0.001, Math.min(40, this.#scale * factor));
    this.#shift = 0;
    this.#app.changed();
  }

  /** Chooses the width of bytes by the length of the pieces. */
  zoomToFit(): void {
    this.zoom = undefined;
    this.#shift = 0;
    this.#app.changed();
  }

  /** The number of rows that fit. */
  get page(): number {
    return Math.max(1, Math.floor((this.#scroll.clientHeight - ROWS) / ROW));
  }

  /** Draws what is visible. */
  draw(theme: Theme): void {
    const flow = this.#app.current?.[this.way];
    const chosen = this.#app.rows[this.way];
    this.#section.classList.toggle("chosen", this.#app.way === this.way && flow !== undefined && !flow.empty);
    this.#drawTitle(flow);
    const { clientWidth: width, clientHeight: height } = this.#scroll;
    if (width === 0 || height === 0) return;
    const rows = flow?.rows ?? [];
    const length = ROWS + (rows.length + 1) * ROW + 8;
    this.#canvas.style.marginBottom = `${-height}px`;
    this.#spacer.style.height = `${Math.max(length, height)}px`;
    const shown = this.#shown;
    if (shown.flow !== flow || shown.row !== chosen || shown.length !== length + height && this.#app.following) {
      this.#reveal(chosen, rows.length, height);
    }
    this.#shown = { flow, row: chosen, length: length + height };
    const context = prepare(this.#canvas, width, height);
    if (flow === undefined || flow.empty) {
      context.font = `13px ${theme.sans}`;
      context.fillStyle = theme.colours.soft;
      context.fillText("no bytes yet", 12, 16);
      return;
    }
    this.#place(flow, width, height);
    new Drawing(this.#app, theme, context, flow, {
      width,
      height,
      left: this.#left,
      scale: this.#scale,
      top: this.#scroll.scrollTop / ROW,
      chosen,
      active: this.#app.way === this.way,
      hovered: this.#hovered,
    }).draw();
  }

  #drawTitle(flow: Flow | undefined): void {
    const [from, to] = endsOf(this.way);
    const connection = this.#app.current;
    const header = this.#app.session?.header;
    const target = header === undefined ? "" : hostOf(header.to);
    const [client, server] = [connection?.peer ?? "", target];
    const ends = this.way === "up" ? `${client} → ${server}` : `${server} → ${client}`;
    const tally = flow?.tally();
    const problem = flow?.problem;
    const key = JSON.stringify([ends, tally, problem, flow?.reads.length]);
    if (key === this.#tally) return;
    this.#tally = key;
    const title = this.#section.querySelector("h2")!;
    fill(title, `${from} → ${to}`, client !== "" && make("code", {}, ends));
    const words = this.#section.querySelector(".tally")!;
    const failure = this.#section.querySelector<HTMLElement>(".failure")!;
    failure.hidden = problem === undefined;
    setText(failure, problem === undefined ? "" : `✕ ${problem}`);
    if (flow === undefined || tally === undefined || flow.reads.length + tally.pieces === 0) return fill(words);
    const { messages, pieces, whole, part, several } = tally;
    const units = (count: number) => `${flow.unit}${count === 1 ? "" : "s"}`;
    const figure = (count: number) => bold(formatCount(count));
    if (flow.datagrams) {
      fill(
        words,
        figure(messages),
        ` ${units(messages)}, `,
        figure(pieces),
        " passed on: ",
        figure(tally.lost),
        " lost, ",
      );
      words.append(figure(tally.repeated), " repeated, ", figure(tally.reordered), " reordered");
    } else {
      fill(words, figure(messages), ` ${units(messages)} in `, figure(pieces), ` piece${pieces === 1 ? "" : "s"}: `);
      words.append(figure(whole), " whole, ", figure(part), " a part, ", figure(several), " parts of several");
    }
    this.#canvas.setAttribute("aria-label", `${title.textContent}: ${words.textContent}. Press t for a table.`);
  }

  /** Decides which bytes are visible. */
  #place(flow: Flow, width: number, height: number): void {
    const room = width - GUTTER - MARGIN;
    const rows = Math.max(1, Math.floor((height - ROWS) / ROW));
    const { pieces } = flow.tally();
    const bytes = pieces === 0 ? flow.end - flow.start : Math.min(flow.end - flow.start, flow.passed / pieces * rows);
    this.#scale = this.zoom ?? Math.min(WIDE, room / Math.max(1, bytes));
    const visible = room / this.#scale;
    const total = flow.end - flow.start;
    if (total <= visible * 1.02) {
      this.#left = flow.start;
      return;
    }
    const top = this.#scroll.scrollTop / ROW;
    const [row, next] = [offsetOf(flow, Math.floor(top)), offsetOf(flow, Math.floor(top) + 1)];
    const at = row + (next - row) * (top % 1);
    const left = at - 3 + this.#shift;
    this.#left = Math.max(flow.start, Math.min(left, flow.end - visible * 0.8));
    if (this.#shift !== 0) this.#shift += this.#left - left;
  }

  /** Scrolls so that a row is visible. */
  #reveal(row: number, rows: number, height: number): void {
    if (row < 0) return;
    const visible = height - ROWS - ROW - 8;
    const top = this.#scroll.scrollTop;
    const y = row * ROW;
    if (this.#app.following) this.#scroll.scrollTop = Math.max(0, rows * ROW - visible);
    else if (y < top + ROW) this.#scroll.scrollTop = Math.max(0, y - ROW);
    else if (y + 2 * ROW > top + visible) this.#scroll.scrollTop = y + 2 * ROW - visible;
    else return;
    this.#shift = 0;
  }

  /** Chooses the row at a point, or above the rows the piece with the byte there. */
  #choose(x: number, y: number): void {
    const flow = this.#app.current?.[this.way];
    if (flow === undefined) return;
    const offset = Math.floor(this.#left + (x - GUTTER) / this.#scale);
    const row = y >= ROWS
      ? this.#rowAt(y)
      : flow.datagrams
      ? flow.rows.findIndex(({ at, n }) => at <= offset && offset < at + n)
      : flow.rowAt(offset);
    if (row >= 0) this.#app.choose(this.way, row);
  }

  #rowAt(y: number): number {
    return y < ROWS ? -1 : Math.floor((this.#scroll.scrollTop + y - ROWS) / ROW);
  }

  #hover(row: number): void {
    if (row === this.#hovered) return;
    this.#hovered = row;
    this.#app.changed();
  }

  #wheel(event: WheelEvent): void {
    const { deltaX, deltaY, shiftKey, ctrlKey } = event;
    if (ctrlKey) {
      event.preventDefault();
      this.zoomBy(Math.exp(-deltaY / 300));
      return;
    }
    if (deltaY < 0 && !shiftKey) this.#app.following = false;
    const across = shiftKey ? deltaX || deltaY : deltaX;
    if (across === 0) return;
    event.preventDefault();
    this.#app.following = false;
    this.#shift += across / this.#scale;
    this.#app.changed();
  }
}

/** Where to draw a direction, and which part of it. */
interface Frame {
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

/** Draws one direction once. */
class Drawing {
  readonly #app: App;
  readonly #theme: Theme;
  readonly #context: CanvasRenderingContext2D;
  readonly #flow: Flow;
  readonly #frame: Frame;
  /** Offset after the last visible byte. */
  readonly #right: number;

  constructor(app: App, theme: Theme, context: CanvasRenderingContext2D, flow: Flow, frame: Frame) {
    this.#app = app;
    this.#theme = theme;
    this.#context = context;
    this.#flow = flow;
    this.#frame = frame;
    this.#right = frame.left + (frame.width - GUTTER) / frame.scale;
  }

  draw(): void {
    this.#drawGround();
    this.#drawRows();
    this.#drawHead();
  }

  #x(offset: number): number {
    return GUTTER + (offset - this.#frame.left) * this.#frame.scale;
  }

  /** Clips to the bytes, so that nothing is drawn over the gutter. */
  #clip(draw: () => void): void {
    const context = this.#context;
    const { width, height } = this.#frame;
    context.save();
    context.beginPath();
    context.rect(GUTTER - 1, 0, width - GUTTER + 1, height);
    context.clip();
    draw();
    context.restore();
  }

  /** The units of which bytes are visible. */
  *#units(): Generator<{ number: number; start: number; end: number; known: boolean }> {
    const { units } = this.#flow;
    let index = this.#flow.unitAt(this.#frame.left);
    if (index < 0) index = units.length > 0 && units[0]!.start > this.#frame.left ? 0 : -1;
    if (index < 0) return;
    for (; index < units.length; index++) {
      const { number, start, end } = units[index]!;
      if (start > this.#right || start >= this.#flow.misfit && !this.#flow.datagrams) return;
      yield { number, start, end: end ?? this.#flow.end, known: end !== undefined };
    }
  }

  /** Draws columns for the messages, so that the eye finds what belongs to which. */
  #drawGround(): void {
    const context = this.#context;
    const { height } = this.#frame;
    const { colours } = this.#theme;
    this.#clip(() => {
      const bounds = new Set<number>();
      for (const { number, start, end, known } of this.#units()) {
        const [x, right] = [this.#x(start), this.#x(end)];
        if (right - x < 3) continue;
        context.fillStyle = colours.tint;
        if (number % 2 === 0) context.fillRect(x, ROWS - 6, right - x, height);
        bounds.add(Math.round(x));
        if (known) bounds.add(Math.round(right));
      }
      context.strokeStyle = colours.strong;
      context.globalAlpha = 0.7;
      context.setLineDash([1.5, 3.5]);
      context.beginPath();
      for (const x of bounds) {
        context.moveTo(x + 0.5, ROWS - 6);
        context.lineTo(x + 0.5, height);
      }
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
    });
  }

  /** Draws what stays above the rows: the axis, the messages, and what the sender wrote. */
  #drawHead(): void {
    const context = this.#context;
    const { colours } = this.#theme;
    const { width } = this.#frame;
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, width, ROWS - 6);
    context.fillRect(0, 0, GUTTER - 2, ROWS - 6);
    this.#drawRuler();
    context.font = `11.5px ${this.#theme.sans}`;
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    const what = { message: "meant", write: "bytes", datagram: "datagrams" }[this.#flow.unit];
    context.fillText(what, GUTTER - 10, MEANT + MEANT_HEIGHT / 2);
    context.fillText("sent", GUTTER - 10, SENT + SENT_HEIGHT / 2);
    context.textAlign = "left";
    this.#clip(() => {
      this.#drawMeant();
      this.#drawSent();
      this.#drawBeam();
    });
  }

  #drawRuler(): void {
    const context = this.#context;
    const { scale, left, width } = this.#frame;
    const step = niceStep((24 + 7 * formatCount(this.#flow.end).length) / scale);
    context.font = `11px ${this.#theme.sans}`;
    context.textAlign = "center";
    for (let at = Math.ceil(left / step) * step; at <= Math.min(this.#right, this.#flow.end); at += step) {
      const x = Math.round(this.#x(at)) + 0.5;
      if (x > width - 12) break;
      context.fillStyle = this.#theme.colours.soft;
      context.fillText(formatCount(at), x, RULER);
      context.fillStyle = this.#theme.colours.strong;
      context.fillRect(x - 0.5, RULER + 7, 1, 3);
    }
    context.textAlign = "left";
  }

  #drawMeant(): void {
    const context = this.#context;
    const flow = this.#flow;
    const { colours, sans } = this.#theme;
    let free = -Infinity;
    for (const { number, start, end } of this.#units()) {
      const x = Math.max(this.#x(start), GUTTER);
      const room = this.#x(end) - x;
      if (room < 14 || x < free) continue;
      const text = room > 76 ? `${flow.unit} ${number}` : String(number);
      context.font = `600 11.5px ${sans}`;
      context.fillStyle = colours.text;
      context.fillText(text, x + 2, LABEL);
      free = x + context.measureText(text).width + 8;
    }
    this.#drawBytes(flow.start, flow.end, MEANT, MEANT_HEIGHT, true);
    // Bytes that the proxy holds back.
    const x = this.#x(flow.passed);
    const right = this.#x(flow.end);
    if (right - x > 1 && !flow.datagrams) {
      context.globalAlpha = 0.62;
      context.fillStyle = colours.ground;
      context.fillRect(x, MEANT - 1, right - x + 1, MEANT_HEIGHT + 2);
      context.globalAlpha = 1;
    }
    this.#drawEnd();
  }

  /** Draws bytes in one line, as parts of messages. */
  #drawBytes(from: number, to: number, y: number, height: number, labels: boolean): void {
    const context = this.#context;
    const flow = this.#flow;
    const { scale, left } = this.#frame;
    const { colours } = this.#theme;
    const start = Math.max(from, Math.floor(left));
    const end = Math.min(to, Math.ceil(this.#right));
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
      const [x, right] = [this.#x(at), this.#x(next)];
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
    const [x, right] = [this.#x(start), this.#x(end)];
    context.strokeRect(Math.round(x) + 0.5, y + 0.5, Math.max(1, Math.round(right - x) - 1), height - 1);
  }

  /** Fills where bytes are in no message, and leaves out those that are missing. */
  #drawKnown(from: number, to: number, y: number, height: number): void {
    const flow = this.#flow;
    for (let at = flow.knownFrom(from); at < to;) {
      const end = at + flow.slice(at, to).length;
      const x = this.#x(at);
      fillPart(this.#context, this.#theme, undefined, x, y, Math.max(this.#x(end) - x, 0.5), height);
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
      const x = this.#x(from + index + 0.5);
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
    context.font = `12px ${role === "payload" ? this.#theme.mono : this.#theme.sans}`;
    const bytes = this.#flow.slice(from, Math.min(to, from + Math.ceil(room / 7)));
    const text = role === "payload" ? [...bytes].map((byte) => glyphOf(byte) ?? "·").join("") : name ?? "";
    if (role === "header") {
      context.fillStyle = this.#theme.colours.header;
      context.fillRect(left + 2, y + 3, context.measureText(text).width + 6, height - 6);
    }
    context.fillStyle = inkOn(this.#theme, role);
    context.fillText(text.replaceAll("␣", " "), left + 5, y + height / 2 + 0.5);
    context.restore();
  }

  /** Draws the end of the stream, and why its rest does not fit. */
  #drawEnd(): void {
    const context = this.#context;
    const flow = this.#flow;
    const { colours, sans } = this.#theme;
    const { width } = this.#frame;
    context.font = `11.5px ${sans}`;
    const x = this.#x(flow.end);
    if (flow.misfit < flow.end) {
      const start = Math.max(GUTTER, this.#x(flow.misfit));
      context.fillStyle = colours.fault;
      context.fillRect(start, MEANT + MEANT_HEIGHT - 2, Math.max(4, Math.min(x, width) - start), 2);
      context.font = `600 11.5px ${sans}`;
      context.fillText(flow.failure === undefined ? "✕ bytes are missing" : "✕ does not fit", start + 2, LABEL);
    }
    if (x > width - 8 || x < GUTTER) return;
    context.fillStyle = colours.soft;
    const waiting = flow.end - flow.passed;
    const words = flow.ended !== undefined
      ? `end, ${formatTime(flow.ended.t)}`
      : this.#app.session?.paused && waiting > 0
      ? `${formatCount(waiting)} wait`
      : "";
    context.fillText(words, x + 8, MEANT + MEANT_HEIGHT / 2);
    if (flow.ended === undefined) return;
    context.fillStyle = colours.text;
    context.fillRect(x + 1, MEANT - 3, 2, MEANT_HEIGHT + 6);
  }

  #drawSent(): void {
    const context = this.#context;
    const { reads } = this.#flow;
    const { colours, sans } = this.#theme;
    let low = 0;
    for (let high = reads.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (reads[middle]!.end <= this.#frame.left) low = middle + 1;
      else high = middle;
    }
    context.font = `11px ${sans}`;
    context.strokeStyle = colours.strong;
    let edge = -Infinity;
    for (let index = low; index < reads.length && reads[index]!.start <= this.#right; index++) {
      const { t, start, end } = reads[index]!;
      const [x, right] = [this.#x(start), this.#x(end)];
      if (right - edge < 1) continue;
      edge = right;
      context.fillStyle = colours.read;
      context.beginPath();
      context.roundRect(x + 0.5, SENT + 0.5, Math.max(1, right - x - 1), SENT_HEIGHT - 1, Math.min(4, (right - x) / 3));
      context.fill();
      if (right - x > 4) context.stroke();
      const left = Math.max(x, GUTTER - 1) + 6;
      const room = right - left - 4;
      const words = [`${formatCount(end - start)} bytes at ${formatTime(t)}`, formatTime(t), String(end - start)]
        .find((text) => context.measureText(text).width <= room);
      context.fillStyle = colours.text;
      if (words !== undefined) context.fillText(words, left, SENT + SENT_HEIGHT / 2 + 0.5);
    }
  }

  /** Connects the chosen row with its bytes above. */
  #drawBeam(): void {
    const row = this.#flow.rows[this.#frame.chosen];
    if (row === undefined || !this.#frame.active) return;
    const context = this.#context;
    const [x, right] = [this.#x(row.at), this.#x(row.at + row.n)];
    context.fillStyle = this.#theme.colours.focus;
    for (const edge of [x, right]) context.fillRect(Math.round(edge) - 0.5, MEANT - 2, 1.5, ROWS - MEANT - 4);
    context.fillRect(x, MEANT - 2, Math.max(1.5, right - x + 1), 2);
  }

  #drawRows(): void {
    const { top, height, chosen } = this.#frame;
    const { rows } = this.#flow;
    const first = Math.max(0, Math.floor(top));
    const last = Math.min(rows.length - 1, Math.ceil(top + (height - ROWS) / ROW));
    const row = rows[chosen];
    if (row !== undefined && chosen >= first && chosen <= last + 1) this.#drawChosen(row);
    for (let index = first; index <= last; index++) this.#drawRow(rows[index]!, index === first);
    if (rows.length === 0 || last === rows.length - 1) this.#drawWaiting(rows.length);
  }

  #y(index: number): number {
    return ROWS + (index - this.#frame.top) * ROW;
  }

  #drawChosen(row: Row): void {
    const context = this.#context;
    const { colours } = this.#theme;
    const y = this.#y(row.index);
    context.fillStyle = colours["focus-wash"];
    context.fillRect(0, y, this.#frame.width, ROW);
    if (!this.#frame.active) return;
    const [x, right] = [Math.max(GUTTER, this.#x(row.at)), this.#x(row.at + row.n)];
    context.fillRect(x, ROWS - 6, right - x, y - ROWS + 6);
  }

  #drawRow(row: Row, isFirst: boolean): void {
    const context = this.#context;
    const flow = this.#flow;
    const { colours, sans } = this.#theme;
    const { chosen, hovered, width, active } = this.#frame;
    const y = this.#y(row.index);
    if (row.index === hovered) {
      context.fillStyle = colours.tint;
      context.fillRect(0, y, width, ROW);
    }
    const before = flow.rows[row.index - 1];
    const gap = before === undefined ? Infinity : row.t - before.t;
    const absolute = this.#app.absolute || isFirst || gap > 100_000;
    context.font = `${absolute ? "600 " : ""}11.5px ${sans}`;
    context.textAlign = "right";
    context.fillStyle = absolute ? colours.text : colours.soft;
    context.fillText(absolute ? formatTime(row.t) : formatDelta(gap), GUTTER - 10, y + ROW / 2 + 0.5);
    context.textAlign = "left";
    this.#clip(() => {
      if (row.kind !== "piece") return this.#drawMark(row, y);
      const [x, right] = [this.#x(row.at), Math.max(this.#x(row.at) + 1.5, this.#x(row.at + row.n))];
      this.#drawBytes(row.at, row.at + row.n, y + 2, ROW - 4, false);
      if (row.n === 0) {
        context.fillStyle = colours.ink;
        context.fillRect(x, y + 2, 1.5, ROW - 4);
      }
      if (row.index === chosen && active) {
        context.strokeStyle = colours.focus;
        context.lineWidth = 2.5;
        context.strokeRect(x - 0.75, y + 0.75, right - x + 1.5, ROW - 1.5);
      }
      this.#drawWords(flow.describe(row), row, x, right, y);
    });
  }

  #drawWords(text: string, row: Row, x: number, right: number, y: number): void {
    const context = this.#context;
    const { colours, sans } = this.#theme;
    const { chosen, active, width } = this.#frame;
    const bold = row.index === chosen && active || this.#spans(row);
    context.font = `${bold ? "600 " : ""}11.5px ${sans}`;
    context.fillStyle = bold ? colours.text : colours.soft;
    const length = context.measureText(text).width;
    const after = Math.max(right, GUTTER) + 7;
    const before = Math.min(x, width) - length - 7;
    const at = after + length < width - 4 ? after : before > GUTTER ? before : width - length - 10;
    if (at !== after && at > x) {
      context.globalAlpha = 0.85;
      context.fillStyle = colours.ground;
      context.fillRect(at - 4, y + 3, length + 8, ROW - 6);
      context.globalAlpha = 1;
      context.fillStyle = colours.text;
    }
    context.fillText(text, at, y + ROW / 2 + 0.5);
  }

  /** Whether a piece has bytes of several messages, the worst case for a program that takes one `recv()` for a message. */
  #spans(row: Row): boolean {
    const flow = this.#flow;
    return !flow.datagrams && row.n > 1 && flow.unitAt(row.at) !== flow.unitAt(row.at + row.n - 1);
  }

  #drawMark(row: Row, y: number): void {
    const context = this.#context;
    const flow = this.#flow;
    const { colours, sans } = this.#theme;
    const message = row.kind === "lost" ? flow.message(row.datagram ?? 0) : undefined;
    const x = Math.max(GUTTER, Math.min(this.#frame.width - 16, this.#x(row.at)));
    const right = message === undefined ? x + 11 : Math.max(x + 11, this.#x(message.end ?? row.at));
    const harm = row.kind === "reset" || row.kind === "lost" || row.kind === "stop";
    context.strokeStyle = context.fillStyle = harm ? colours.fault : colours.text;
    const middle = y + ROW / 2;
    if (harm) {
      context.lineWidth = 2;
      context.beginPath();
      const centre = message === undefined ? x + 5 : (x + right) / 2;
      context.moveTo(centre - 5, middle - 5);
      context.lineTo(centre + 5, middle + 5);
      context.moveTo(centre + 5, middle - 5);
      context.lineTo(centre - 5, middle + 5);
      context.stroke();
      if (message !== undefined) {
        context.lineWidth = 1;
        context.setLineDash([3, 2]);
        context.strokeRect(Math.round(x) + 0.5, y + 2.5, Math.round(right - x) - 1, ROW - 5);
        context.setLineDash([]);
      }
    } else if (row.kind === "end") {
      context.fillRect(x, y + 3, 2.5, ROW - 6);
      context.fillRect(x - 5, middle - 1, 5, 2);
    } else {
      context.fillRect(x, y + 3, 1.5, ROW - 6);
      context.beginPath();
      context.moveTo(x, y + 3);
      context.lineTo(x + 10, y + 7);
      context.lineTo(x, y + 11);
      context.fill();
    }
    context.font = `600 11.5px ${sans}`;
    const text = flow.describe(row);
    const length = context.measureText(text).width;
    const after = right + 6;
    context.fillText(text, after + length < this.#frame.width - 4 ? after : x - length - 10, middle + 0.5);
  }

  /** Says after the last row how many bytes the proxy holds back, while it is paused. */
  #drawWaiting(rows: number): void {
    const flow = this.#flow;
    const waiting = flow.end - flow.passed;
    if (!this.#app.session?.paused || waiting <= 0 || flow.datagrams) return;
    const context = this.#context;
    const y = this.#y(rows);
    const [x, right] = [this.#x(flow.passed), this.#x(flow.end)];
    this.#clip(() => {
      context.strokeStyle = this.#theme.colours.focus;
      context.lineWidth = 1;
      context.setLineDash([4, 3]);
      context.strokeRect(Math.round(x) + 0.5, y + 2.5, Math.max(3, Math.round(right - x) - 1), ROW - 5);
      context.setLineDash([]);
      context.font = `600 11.5px ${this.#theme.sans}`;
      context.fillStyle = this.#theme.colours.focus;
      const text = `${formatCount(waiting)} byte${waiting === 1 ? "" : "s"} wait in the proxy`;
      const length = context.measureText(text).width;
      const room = this.#frame.width - 4 - length;
      context.fillText(text, right + 7 < room ? right + 7 : Math.max(x + 6, GUTTER + 6), y + ROW / 2 + 0.5);
    });
  }
}

/** The offset at which a row is in the stream: that of its first byte, or for a mark what was passed on before it. */
function offsetOf({ rows, end }: Flow, index: number): number {
  const row = rows[index];
  if (row === undefined) return end;
  if (row.kind === "piece") return row.at;
  const before = rows[index - 1];
  return before?.kind === "piece" ? before.at + before.n : Math.min(row.at, rows[index + 1]?.at ?? end);
}

/** The next 1, 2 or 5 times a power of ten. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power;
}
