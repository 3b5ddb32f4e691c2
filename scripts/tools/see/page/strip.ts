import type { Direction } from "../../../../lib/record/event.ts";
import type { Connection, Flow, Row } from "../../../../lib/record/session.ts";
import type { App } from "./app.ts";
import { formatTime } from "./format.ts";
import { niceStep } from "./lane.ts";
import { fillPart, prepare, type Theme } from "./theme.ts";

const GUTTER = 76;
const MARGIN = 24;
/** The line of time, and the most that a bar rises above or falls below it. */
const AXIS = 36;
const BAR = 27;
/** Width of a bar. */
const WIDTH = 4;

/** The pieces of both directions over time. */
export class Strip {
  readonly #app: App;
  readonly #canvas: HTMLCanvasElement;
  #from = 0;
  #to = 1;

  /** Finds its canvas on the page. */
  constructor(app: App, canvas: HTMLCanvasElement) {
    this.#app = app;
    this.#canvas = canvas;
    const choose = ({ offsetX, offsetY, buttons }: PointerEvent) => {
      if (buttons === 1) this.#choose(offsetX, offsetY < AXIS ? "up" : "down");
    };
    canvas.addEventListener("pointerdown", choose);
    canvas.addEventListener("pointermove", choose);
    new ResizeObserver(() => app.changed()).observe(canvas.parentElement!);
  }

  /** Draws the chosen connection. */
  draw(theme: Theme): void {
    const width = this.#canvas.parentElement!.clientWidth;
    const height = 84;
    const context = prepare(this.#canvas, width, height);
    const { colours, sans } = theme;
    const connection = this.#app.current;
    context.font = `11.5px ${sans}`;
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.fillText("up", GUTTER - 10, AXIS - BAR / 2);
    context.fillText("down", GUTTER - 10, AXIS + BAR / 2);
    context.textAlign = "left";
    context.fillStyle = colours.line;
    context.fillRect(GUTTER, AXIS, width - GUTTER - MARGIN, 1);
    if (connection === undefined) return;
    this.#from = connection.opened;
    const end = connection.closed?.t ?? Math.max(lastTime(connection.up), lastTime(connection.down));
    this.#to = Math.max(this.#from + 1000, end);
    this.#drawTimes(context, theme, width, height);
    this.#drawFlow(context, theme, connection.up, width);
    this.#drawFlow(context, theme, connection.down, width);
    this.#drawClose(context, theme, connection, width);
  }

  #x(t: number, width: number): number {
    return GUTTER + (t - this.#from) / (this.#to - this.#from) * (width - GUTTER - MARGIN - WIDTH);
  }

  #drawTimes(context: CanvasRenderingContext2D, { colours, sans }: Theme, width: number, height: number): void {
    const step = niceStep((this.#to - this.#from) / Math.max(2, (width - GUTTER) / 100));
    context.textAlign = "center";
    context.font = `11px ${sans}`;
    for (let t = 0; t <= this.#to - this.#from; t += step) {
      const x = Math.round(this.#x(this.#from + t, width));
      context.fillStyle = colours.line;
      context.fillRect(x, 6, 1, height - 24);
      context.fillStyle = colours.soft;
      context.fillText(t === 0 ? formatTime(this.#from) : `+${formatTime(t).replace(/\.0+ /, " ")}`, x, height - 9);
    }
    context.textAlign = "left";
  }

  /** Draws a bar for each place of its width, for all pieces there. */
  #drawFlow(context: CanvasRenderingContext2D, theme: Theme, flow: Flow, width: number): void {
    const { colours } = theme;
    const chosen = this.#app.way === flow.way ? this.#app.choice?.row : undefined;
    const logOfMost = Math.log2(2 + most(flow));
    for (let index = 0; index < flow.rows.length;) {
      const place = Math.floor((this.#x(flow.rows[index]!.t, width) - GUTTER) / (WIDTH + 1));
      const x = GUTTER + place * (WIDTH + 1);
      const until = this.#from +
        ((place + 1) * (WIDTH + 1)) / (width - GUTTER - MARGIN - WIDTH) * (this.#to - this.#from);
      const next = Math.max(index + 1, firstAfter(flow.rows, until, index));
      let bytes = 0;
      let mark: Row | undefined;
      // Of very many pieces at one place, the first ones show what they are like.
      for (let at = index; at < Math.min(next, index + 200); at++) {
        const row = flow.rows[at]!;
        bytes = Math.max(bytes, row.n);
        if (row.kind !== "piece" && row.kind !== "from") mark = row;
      }
      const role = flow.parts[flow.partAt(flow.rows[index]!.at)]?.role;
      const isChosen = chosen !== undefined && chosen.index >= index && chosen.index < next;
      if (bytes > 0) {
        const height = Math.max(5, BAR * Math.log2(2 + bytes) / logOfMost);
        const y = flow.way === "up" ? AXIS - height : AXIS + 1;
        if (isChosen) {
          context.fillStyle = colours.focus;
          context.fillRect(x - 1, flow.way === "up" ? AXIS - BAR - 3 : AXIS + 1, WIDTH + 2, BAR + 3);
        } else {
          fillPart(context, theme, role, x, y, WIDTH, height);
          context.strokeStyle = colours.ink;
          context.lineWidth = 0.75;
          context.strokeRect(x + 0.4, y + 0.4, WIDTH - 0.8, height - 0.8);
        }
      } else if (isChosen) {
        context.fillStyle = colours.focus;
        context.fillRect(x - 1, flow.way === "up" ? AXIS - BAR - 3 : AXIS + 1, 2, BAR + 3);
      }
      if (mark !== undefined) this.#drawMark(context, theme, mark, x, flow.way);
      index = next;
    }
  }

  #drawMark(context: CanvasRenderingContext2D, { colours }: Theme, { kind }: Row, x: number, way: Direction): void {
    const y = way === "up" ? AXIS - BAR / 2 : AXIS + BAR / 2;
    if (kind === "end") {
      context.fillStyle = colours.text;
      context.fillRect(x + 1, y - 8, 2, 16);
      return;
    }
    drawCross(context, colours.fault, x + 2, y);
  }

  #drawClose(context: CanvasRenderingContext2D, { colours }: Theme, { closed }: Connection, width: number): void {
    if (closed === undefined) return;
    const x = this.#x(closed.t, width) + WIDTH + 4;
    context.fillStyle = colours.soft;
    context.fillRect(x, AXIS - BAR, 1, 2 * BAR);
  }

  #choose(x: number, way: Direction): void {
    const connection = this.#app.current;
    if (connection === undefined) return;
    const width = this.#canvas.clientWidth;
    const t = this.#from + (x - GUTTER) / (width - GUTTER - MARGIN - WIDTH) * (this.#to - this.#from);
    const { rows } = connection[way];
    if (rows.length === 0) return;
    const after = Math.min(rows.length - 1, firstAfter(rows, t, 0));
    const before = Math.max(0, after - 1);
    this.#app.choose(way, t - rows[before]!.t < rows[after]!.t - t ? before : after);
  }
}

/** Draws a cross, the sign of a fault. */
export function drawCross(context: CanvasRenderingContext2D, colour: string, x: number, y: number): void {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  for (const sign of [-1, 1]) {
    context.moveTo(x - 4.5, y - 4.5 * sign);
    context.lineTo(x + 4.5, y + 4.5 * sign);
  }
  context.stroke();
}

function lastTime(flow: Flow): number {
  return Math.max(flow.rows.at(-1)?.t ?? 0, flow.reads.at(-1)?.t ?? 0);
}

/** The length of the longest of the newest pieces. */
function most({ rows }: Flow): number {
  let length = 1;
  for (let index = rows.length - 1; index >= Math.max(0, rows.length - 500); index--) {
    length = Math.max(length, rows[index]!.n);
  }
  return length;
}

/** The index of the first row after a time, from an index on. */
function firstAfter(rows: readonly Row[], t: number, from: number): number {
  let high = rows.length;
  while (from < high) {
    const middle = (from + high) >>> 1;
    if (rows[middle]!.t <= t) from = middle + 1;
    else high = middle;
  }
  return from;
}
