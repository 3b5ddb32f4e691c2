import type { App } from "./app.ts";
import { fill, make } from "./dom.ts";
import { endsOf, formatCount, formatTime } from "./format.ts";

/** Rows of the table at once. */
const PAGE = 200;

/** The rows of the chosen direction as text. */
export class Table {
  readonly #app: App;
  readonly #section: HTMLElement;
  #shown = "";

  /** Fills a section. */
  constructor(app: App, section: HTMLElement) {
    this.#app = app;
    this.#section = section;
  }

  /** Shows the page of the table with the chosen row. */
  draw(): void {
    const { table, flow, way, session } = this.#app;
    this.#section.hidden = !table;
    if (!table || flow === undefined) return;
    const chosen = this.#app.rows[way];
    const page = Math.floor(Math.max(0, chosen) / PAGE);
    const first = page * PAGE;
    const rows = flow.rows.slice(first, first + PAGE);
    const key = [this.#app.connection, way, chosen, rows.length, flow.rows.length, session?.framing].join();
    if (key === this.#shown) return;
    this.#shown = key;
    const [from, to] = endsOf(way);
    const turn = (by: number, text: string, enabled: boolean) => {
      const button = make("button", { disabled: !enabled }, text);
      button.onclick = () => this.#app.choose(way, first + by * PAGE);
      return button;
    };
    const body = rows.map((row) => {
      const piece = row.kind === "piece";
      const line = make(
        "tr",
        { "aria-current": row.index === chosen ? "true" : undefined },
        make("td", { class: "number" }, piece ? row.piece : ""),
        make("td", { class: "number" }, formatTime(row.t)),
        make("td", { class: "number" }, formatCount(row.at)),
        make("td", {}, flow.describe(row)),
        make("td", {}, piece && make("code", {}, flow.recv(row))),
        make("td", {}, piece && flow.holds(row).text),
      );
      line.onclick = () => this.#app.choose(way, row.index);
      return line;
    });
    fill(
      this.#section,
      make(
        "header",
        {},
        make(
          "h2",
          { id: "table-title" },
          `${from} → ${to}, rows ${first + 1} to ${first + rows.length} of ${flow.rows.length}`,
        ),
        turn(-1, "Earlier", first > 0),
        turn(1, "Later", first + PAGE < flow.rows.length),
      ),
      make(
        "table",
        { "aria-labelledby": "table-title" },
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            ...["Piece", "When", "At byte", "What", "One recv()", "A decoder holds"].map((name) =>
              make("th", { scope: "col", class: ["Piece", "When", "At byte"].includes(name) && "number" }, name)
            ),
          ),
        ),
        make("tbody", {}, ...body),
      ),
    );
    this.#section.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }
}
