import type { FramePart } from "../../../../lib/framing/scanner.ts";

const NAMES = [
  "ground",
  "panel",
  "raised",
  "line",
  "strong",
  "text",
  "soft",
  "header",
  "hatch",
  "payload",
  "delimiter",
  "on-delimiter",
  "read",
  "ink",
  "fault",
  "focus",
  "focus-wash",
  "tint",
] as const;

/** The colours of the style sheet, and the fonts, for canvases. */
export interface Theme {
  readonly colours: Readonly<Record<typeof NAMES[number], string>>;
  readonly sans: string;
  readonly mono: string;
}

/** Reads the colours that the style sheet has for the chosen scheme. */
export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const entries = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return {
    colours: Object.fromEntries(entries),
    sans: style.getPropertyValue("--sans"),
    mono: style.getPropertyValue("--mono"),
  };
}

/** Fits a canvas to its size on the page and the screen's pixels, and clears it. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const scale = devicePixelRatio;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  return context;
}

/** Fills a rectangle as a part of a message: headers are hatched, so that no colour is needed to tell them. */
export function fillPart(
  context: CanvasRenderingContext2D,
  { colours }: Theme,
  role: FramePart["role"] | undefined,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  context.fillStyle = role === undefined ? colours.read : colours[role];
  context.fillRect(x, y, width, height);
  if (role !== "header" || width < 3) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  // The lines of all rectangles continue each other.
  for (let line = Math.floor((x + y) / HATCH) * HATCH; line < x + width + y + height; line += HATCH) {
    context.moveTo(line - y, y);
    context.lineTo(line - y - height, y + height);
  }
  context.strokeStyle = colours.hatch;
  context.lineWidth = 1.3;
  context.stroke();
  context.restore();
}

/** Writes a text that lines and colours behind it do not disturb. */
export function write(context: CanvasRenderingContext2D, { colours }: Theme, text: string, x: number, y: number): void {
  context.strokeStyle = colours.ground;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

const HATCH = 5;

/** The colour of text on a part. */
export function inkOn({ colours }: Theme, role: FramePart["role"] | undefined): string {
  return role === undefined ? colours.text : role === "delimiter" ? colours["on-delimiter"] : colours.ink;
}
