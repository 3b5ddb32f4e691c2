import type { Direction } from "../../../../lib/record/event.ts";
import type { Flow, Row } from "../../../../lib/record/flow.ts";
import type { Connection } from "../../../../lib/record/session.ts";
import type { App } from "./app.ts";
import { formatTime, niceStep } from "./format.ts";
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
  #scale = new TimeScale(0);
  #shown: Connection | undefined;

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
    context.fillText("↑ up", GUTTER - 10, AXIS - BAR / 2);
    context.fillText("↓ down", GUTTER - 10, AXIS + BAR / 2);
    context.textAlign = "left";
    context.fillStyle = colours.line;
    context.fillRect(GUTTER, AXIS, width - GUTTER - MARGIN, 1);
    if (connection === undefined) return;
    if (this.#shown !== connection) this.#scale = new TimeScale(connection.opened);
    this.#shown = connection;
    this.#scale.add(connection);
    this.#scale.fit(GUTTER, width - MARGIN - WIDTH);
    this.#drawTimes(context, theme, width, height);
    this.#drawFlow(context, theme, connection.up);
    this.#drawFlow(context, theme, connection.down);
    this.#drawClose(context, theme, connection);
  }

  #drawTimes(context: CanvasRenderingContext2D, { colours, sans }: Theme, width: number, height: number): void {
    context.font = `11px ${sans}`;
    let edge = 0;
    for (const { x, t, gap, isStart } of this.#scale.ticks()) {
      if (gap > 0) {
        // A break in the axis: nothing happened here.
        context.fillStyle = colours.raised;
        context.fillRect(x - GAP + 9, AXIS - 2, GAP - 16, 5);
        context.fillStyle = colours.strong;
        for (const edge of [x - GAP + 8, x - 8]) context.fillRect(edge, AXIS - 5, 1.5, 11);
      }
      context.fillStyle = colours.line;
      context.fillRect(Math.round(x), 6, 1, height - 24);
      const text = isStart ? formatTime(t) : `+${formatTime(t).replace(/\.0+ /, " ")}`;
      const length = context.measureText(text).width;
      const left = Math.max(4, Math.min(width - length - 4, x - length / 2));
      if (left < edge) continue;
      context.fillStyle = isStart ? colours.text : colours.soft;
      context.fillText(text, left, height - 9);
      edge = left + length + 10;
    }
  }

  /** Draws a bar for each place of its width, for all pieces there. */
  #drawFlow(context: CanvasRenderingContext2D, theme: Theme, flow: Flow): void {
    const { colours } = theme;
    const chosen = this.#app.way === flow.way ? this.#app.choice?.row : undefined;
    const logOfMost = Math.log2(2 + most(flow));
    for (let index = 0; index < flow.rows.length;) {
      const x = this.#scale.x(flow.rows[index]!.t);
      const until = this.#scale.t(x + WIDTH + 1);
      const next = Math.max(index + 1, firstAfter(flow.rows, until, index));
      let bytes = -1;
      let mark: Row | undefined;
      // If many pieces share one place, the first ones stand for all.
      for (let at = index; at < Math.min(next, index + 200); at++) {
        const row = flow.rows[at]!;
        if (row.kind === "piece") bytes = Math.max(bytes, row.n);
        else if (row.kind !== "from") mark = row;
      }
      const { at } = flow.rows[index]!;
      const role = at < flow.misfit || flow.datagrams ? flow.parts[flow.partAt(at)]?.role : undefined;
      const isChosen = chosen !== undefined && chosen.index >= index && chosen.index < next;
      if (bytes >= 0) {
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

  #drawClose(context: CanvasRenderingContext2D, { colours }: Theme, { closed }: Connection): void {
    if (closed === undefined) return;
    const x = this.#scale.x(closed.t) + WIDTH + 4;
    context.fillStyle = colours.soft;
    context.fillRect(x, AXIS - BAR, 1, 2 * BAR);
  }

  #choose(x: number, way: Direction): void {
    const connection = this.#app.current;
    if (connection === undefined) return;
    const t = this.#scale.t(x);
    const { rows } = connection[way];
    if (rows.length === 0) return;
    const after = Math.min(rows.length - 1, firstAfter(rows, t, 0));
    const before = Math.max(0, after - 1);
    this.#app.choose(way, t - rows[before]!.t < rows[after]!.t - t ? before : after);
  }
}

/** A period with events, in microseconds. */
interface Period {
  start: number;
  end: number;
  /** Where it is drawn. */
  left: number;
  right: number;
}

/** The axis of time, without the periods in which nothing happened. */
class TimeScale {
  readonly #periods: Period[];
  readonly #added = { up: 0, down: 0 };

  /** Starts at a time in microseconds. */
  constructor(start: number) {
    this.#periods = [{ start, end: start, left: 0, right: 1 }];
  }

  /** Adds what has happened since the last call. */
  add({ up, down, closed }: Connection): void {
    const added = this.#added;
    // The session may have forgotten its oldest rows.
    added.up = Math.min(added.up, up.rows.length);
    added.down = Math.min(added.down, down.rows.length);
    while (added.up < up.rows.length || added.down < down.rows.length) {
      const [one, other] = [up.rows[added.up]?.t ?? Infinity, down.rows[added.down]?.t ?? Infinity];
      if (one <= other) added.up++;
      else added.down++;
      this.#extend(Math.min(one, other));
    }
    if (closed !== undefined) this.#extend(closed.t);
  }

  #extend(t: number): void {
    const last = this.#periods.at(-1)!;
    if (t - last.end < IDLE) last.end = Math.max(last.end, t);
    else this.#periods.push({ start: t, end: t, left: 0, right: 1 });
  }

  /** Places all periods between two positions. */
  fit(left: number, right: number): void {
    const periods = this.#periods;
    if ((periods.length - 1) * GAP > (right - left) / 2) {
      // Too many breaks: draw all time.
      periods.splice(0, periods.length, { ...periods[0]!, end: periods.at(-1)!.end });
    }
    const active = periods.reduce((sum, { start, end }) => sum + Math.max(SHORTEST, end - start), 0);
    const scale = (right - left - (periods.length - 1) * GAP) / active;
    let x = left;
    for (const period of periods) {
      period.left = x;
      period.right = x + Math.max(SHORTEST, period.end - period.start) * scale;
      x = period.right + GAP;
    }
  }

  /** The position of a time. */
  x(t: number): number {
    const period = this.#periods.findLast(({ start }) => start <= t) ?? this.#periods[0]!;
    return Math.min(period.right, period.left + Math.max(0, t - period.start) * rateOf(period));
  }

  /** The time at a position. */
  t(x: number): number {
    const period = this.#periods.findLast(({ left }) => left <= x) ?? this.#periods[0]!;
    return period.start + (x - period.left) / rateOf(period);
  }

  /** Positions to mark: the start of each period with the time before it in which nothing happened, and times since then. */
  *ticks(): Generator<{ x: number; t: number; gap: number; isStart: boolean }> {
    let before: Period | undefined;
    for (const period of this.#periods) {
      const { start, left, right } = period;
      yield { x: left, t: start, gap: before === undefined ? 0 : start - before.end, isStart: true };
      const rate = rateOf(period);
      const step = niceStep(TICK / rate);
      for (let t = step; left + t * rate < right - 20; t += step) {
        yield { x: left + t * rate, t, gap: 0, isStart: false };
      }
      before = period;
    }
  }
}

/** Shortest time without events that is left out, in microseconds. */
const IDLE = 400_000;
/** Width of what is left out, and the least distance of two times in one period. */
const GAP = 44;
const TICK = 90;
/** The shortest period, in microseconds. */
const SHORTEST = 15_000;

/** Pixels of a microsecond. */
function rateOf({ start, end, left, right }: Period): number {
  return (right - left) / Math.max(SHORTEST, end - start);
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
