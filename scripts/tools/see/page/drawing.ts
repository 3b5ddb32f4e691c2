import type { Flow, Row } from "../../../../lib/record/flow.ts";
import type { App } from "./app.ts";
import { ByteAxis, type Frame, GUTTER } from "./axis.ts";
import { formatCount, formatDelta, formatTime, niceStep } from "./format.ts";
import { type Theme, write } from "./theme.ts";

/** Height of a row. */
export const ROW = 20;
/** Heights from the top: numbers of bytes, numbers of messages, the messages, what the sender wrote. */
const RULER = 10;
const LABEL = 26;
const MEANT = 36;
const MEANT_HEIGHT = 22;
const SENT = 62;
const SENT_HEIGHT = 16;
/** Height above the rows. */
export const ROWS = 90;

/** Draws one direction once. */
export class Drawing {
  readonly #app: App;
  readonly #theme: Theme;
  readonly #context: CanvasRenderingContext2D;
  readonly #flow: Flow;
  readonly #frame: Frame;
  readonly #axis: ByteAxis;

  constructor(app: App, theme: Theme, context: CanvasRenderingContext2D, flow: Flow, frame: Frame) {
    this.#app = app;
    this.#theme = theme;
    this.#context = context;
    this.#flow = flow;
    this.#frame = frame;
    this.#axis = new ByteAxis(app, theme, context, flow, frame);
  }

  /** Draws what is visible of it. */
  draw(): void {
    this.#drawGround();
    this.#drawRows();
    this.#drawHead();
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
      if (start > this.#axis.right || start >= this.#flow.misfit && !this.#flow.datagrams) return;
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
        const [x, right] = [this.#axis.x(start), this.#axis.x(end)];
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
      this.#drawBeam();
      this.#drawSent();
    });
  }

  #drawRuler(): void {
    const context = this.#context;
    const { scale, left, width } = this.#frame;
    const step = niceStep((24 + 7 * formatCount(this.#flow.end).length) / scale);
    context.font = `11px ${this.#theme.sans}`;
    context.textAlign = "center";
    for (let at = Math.ceil(left / step) * step; at <= Math.min(this.#axis.right, this.#flow.end); at += step) {
      const x = Math.round(this.#axis.x(at)) + 0.5;
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
      const x = Math.max(this.#axis.x(start), GUTTER);
      const room = this.#axis.x(end) - x;
      if (room < 14 || x < free) continue;
      const text = room > 76 ? `${flow.unit} ${number}` : String(number);
      context.font = `600 11.5px ${sans}`;
      context.fillStyle = colours.text;
      context.fillText(text, x + 2, LABEL);
      free = x + context.measureText(text).width + 8;
    }
    this.#axis.draw(flow.start, flow.end, MEANT, MEANT_HEIGHT, true);
    // Bytes that the proxy holds back.
    const x = this.#axis.x(flow.passed);
    const right = this.#axis.x(flow.end);
    if (right - x > 1 && !flow.datagrams) {
      context.globalAlpha = 0.62;
      context.fillStyle = colours.ground;
      context.fillRect(x, MEANT - 1, right - x + 1, MEANT_HEIGHT + 2);
      context.globalAlpha = 1;
    }
    this.#drawEnd();
  }

  /** Draws the end of the stream, and why its rest does not fit. */
  #drawEnd(): void {
    const context = this.#context;
    const flow = this.#flow;
    const { colours, sans } = this.#theme;
    const { width } = this.#frame;
    context.font = `11.5px ${sans}`;
    const x = this.#axis.x(flow.end);
    if (flow.misfit < flow.end) {
      const start = Math.max(GUTTER, this.#axis.x(flow.misfit));
      context.fillStyle = colours.fault;
      context.fillRect(start, MEANT + MEANT_HEIGHT - 2, Math.max(4, Math.min(x, width) - start), 2);
      context.font = `600 11.5px ${sans}`;
      context.fillText(flow.failure === undefined ? "✕ bytes are missing" : "✕ does not fit", start + 2, LABEL);
    }
    if (x > width - 8 || x < GUTTER) return;
    context.fillStyle = colours.soft;
    if (flow.ended === undefined) return;
    context.fillText(`end, ${formatTime(flow.ended.t)}`, x + 8, MEANT + MEANT_HEIGHT / 2);
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
    for (let index = low; index < reads.length && reads[index]!.start <= this.#axis.right; index++) {
      const { t, start, end } = reads[index]!;
      const [x, right] = [this.#axis.x(start), this.#axis.x(end)];
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
    const [x, right] = [this.#axis.x(row.at), this.#axis.x(row.at + row.n)];
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
    const [x, right] = [Math.max(GUTTER, this.#axis.x(row.at)), this.#axis.x(row.at + row.n)];
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
      const [x, right] = [this.#axis.x(row.at), Math.max(this.#axis.x(row.at) + 1.5, this.#axis.x(row.at + row.n))];
      this.#axis.draw(row.at, row.at + row.n, y + 2, ROW - 4, false);
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
    write(context, this.#theme, text, at, y + ROW / 2 + 0.5);
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
    const x = Math.max(GUTTER, Math.min(this.#frame.width - 16, this.#axis.x(row.at)));
    const right = message === undefined ? x + 11 : Math.max(x + 11, this.#axis.x(message.end ?? row.at));
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
    write(context, this.#theme, text, after + length < this.#frame.width - 4 ? after : x - length - 10, middle + 0.5);
  }

  /** Says after the last row how many bytes the proxy holds back, while it is paused. */
  #drawWaiting(rows: number): void {
    const flow = this.#flow;
    const waiting = flow.end - flow.passed;
    if (!this.#app.session?.paused || waiting <= 0 || flow.datagrams) return;
    const context = this.#context;
    const y = this.#y(rows);
    const [x, right] = [this.#axis.x(flow.passed), this.#axis.x(flow.end)];
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
