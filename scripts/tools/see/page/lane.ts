import type { Direction } from "../../../../lib/record/event.ts";
import type { Flow, Row } from "../../../../lib/record/flow.ts";
import type { App } from "./app.ts";
import { GUTTER } from "./axis.ts";
import { bold, fill, make, setText } from "./dom.ts";
import { Drawing, ROW, ROWS } from "./drawing.ts";
import { arrowOf, endsOf, formatCount, hostOf } from "./format.ts";
import { prepare, type Theme } from "./theme.ts";

/** Width kept free at the right, for the words after a piece. */
const MARGIN = 168;
/** Width of a byte in pixels at most, unless zoomed. */
const WIDE = 12.5;

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
  /** For which direction the width of a byte was chosen. */
  #fitted: Flow | undefined;
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
    this.zoom = this.#fitted = undefined;
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
    const length = ROWS + (rows.length + 2) * ROW + 8;
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
    this.#place(flow, width, height, chosen);
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
    fill(title, `${arrowOf(this.way)} ${from} → ${to}`, client !== "" && make("code", {}, ends));
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
      words.append(figure(whole), " whole, ", figure(part), " part of one, ", figure(several), " across several");
    }
    this.#canvas.setAttribute("aria-label", `${from} to ${to}: ${words.textContent}. Press t for a table.`);
  }

  /** Decides which bytes are visible: those of the visible rows. */
  #place(flow: Flow, width: number, height: number, chosen: number): void {
    const room = width - GUTTER - Math.min(MARGIN, 0.3 * width);
    const top = this.#scroll.scrollTop / ROW;
    const count = Math.max(1, (height - ROWS) / ROW);
    const rows = flow.rows.slice(Math.floor(top), Math.ceil(top + count));
    this.#fit(flow, rows, room);
    const visible = room / this.#scale;
    const total = flow.end - flow.start;
    if (total <= visible * 1.02) {
      this.#left = flow.start;
      return;
    }
    // From the first row to the last one, the row in view moves from the left edge to the right one.
    const range = Math.max(ROW, this.#scroll.scrollHeight - height - ROW);
    const part = Math.min(1, this.#scroll.scrollTop / range);
    const index = top + part * Math.min(count, flow.rows.length - top);
    const [row, next] = [offsetOf(flow, Math.floor(index)), offsetOf(flow, Math.floor(index) + 1)];
    let left = row + (next - row) * (index % 1) - 3 - part * (visible - 3) + this.#shift;
    const { at, n } = flow.rows[chosen] ?? {};
    if (at !== undefined && this.#shift === 0 && chosen >= top && chosen < top + count) {
      left = Math.min(Math.max(left, at + Math.min(n!, visible) - visible), at - 3);
    }
    this.#left = Math.max(flow.start, Math.min(left, flow.end - visible * 0.8));
    if (this.#shift !== 0) this.#shift += this.#left - left;
  }

  /** Chooses the width of a byte by the bytes of the visible rows. It stays while they have room, and need most of it. */
  #fit(flow: Flow, rows: readonly Row[], room: number): void {
    let [start, end] = rows.length === 0 ? [flow.start, flow.end] : [Infinity, 0];
    for (const { at, n } of rows) {
      start = Math.min(start, at);
      end = Math.max(end, at + n);
    }
    const bytes = Math.max(1, end - start);
    const used = bytes * this.#scale / room;
    if (this.zoom === undefined && (this.#fitted !== flow || used > 1.15 || used < 0.4)) {
      this.#scale = Math.min(WIDE, room / bytes);
    }
    this.#scale = this.zoom ?? this.#scale;
    this.#fitted = flow;
  }

  /** Scrolls so that a row is visible, and the first visible one is whole. */
  #reveal(row: number, rows: number, height: number): void {
    if (row < 0) return;
    const visible = height - ROWS - ROW - 8;
    const top = this.#scroll.scrollTop;
    const y = row * ROW;
    const wholeRows = (position: number) => Math.ceil(Math.max(0, position) / ROW) * ROW;
    if (this.#app.following) this.#scroll.scrollTop = wholeRows(rows * ROW - visible);
    else if (y < top + ROW) this.#scroll.scrollTop = wholeRows(y - ROW);
    else if (y + 2 * ROW > top + visible) this.#scroll.scrollTop = wholeRows(y + 2 * ROW - visible);
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

/** The offset at which a row is in the stream: that of its first byte, or for a mark what was passed on before it. */
function offsetOf({ rows, end }: Flow, index: number): number {
  const row = rows[index];
  if (row === undefined) return end;
  if (row.kind === "piece") return row.at;
  const before = rows[index - 1];
  return before?.kind === "piece" ? before.at + before.n : Math.min(row.at, rows[index + 1]?.at ?? end);
}
