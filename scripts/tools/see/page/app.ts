import type { Direction } from "../../../../lib/record/event.ts";
import type { Flow, Message, Row } from "../../../../lib/record/flow.ts";
import type { Connection, Session } from "../../../../lib/record/session.ts";
import type { State } from "../protocol.ts";

/** The chosen piece or mark, and where it is. */
export interface Choice {
  readonly connection: Connection;
  readonly way: Direction;
  readonly flow: Flow;
  readonly row: Row;
}

/** What the page shows, and what is chosen. Changes are drawn together, once a frame. */
export class App {
  session: Session | undefined;
  /** The state of the server; `undefined` without a server. */
  state: State | undefined;
  /** The number of the chosen connection; 0 before there is one. */
  connection = 0;
  way: Direction = "up";
  /** Indices of the chosen rows in both directions, or -1. */
  readonly rows: Record<Direction, number> = { up: -1, down: -1 };
  /** Whether the newest row is chosen as it comes. */
  following = true;
  /** Whether cells show hexadecimal digits only. */
  hex = false;
  /** Whether rows show times since the beginning, instead of since the row before. */
  absolute = false;
  /** Whether a table takes the place of the drawing. */
  table = false;
  /** Whether the oldest pieces were forgotten. */
  isTrimmed = false;
  /** Called before each frame that shows a change. */
  readonly views: (() => void)[] = [];
  /** Called with what a screen reader should say. */
  say: (text: string) => void = () => {};
  #drawing = false;

  /** The chosen connection. */
  get current(): Connection | undefined {
    return this.session?.connections.get(this.connection);
  }

  /** The chosen direction of the chosen connection. */
  get flow(): Flow | undefined {
    return this.current?.[this.way];
  }

  /** The chosen row. */
  get choice(): Choice | undefined {
    const connection = this.current;
    const flow = connection?.[this.way];
    const row = flow?.rows[this.rows[this.way]];
    return row === undefined ? undefined : { connection: connection!, way: this.way, flow: flow!, row };
  }

  /** Draws everything again, with the next frame. */
  changed(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (this.following) this.#follow();
      for (const view of this.views) view();
    });
  }

  /** Chooses a connection. */
  chooseConnection(number: number): void {
    const connection = this.session?.connections.get(number);
    if (connection === undefined) return;
    this.connection = number;
    this.rows.up = this.rows.down = -1;
    if (connection[this.way].pieces.length === 0) this.way = this.way === "up" ? "down" : "up";
    if (!this.following) this.rows[this.way] = connection[this.way].rows.length > 0 ? 0 : -1;
    this.say(`Connection ${number}, ${connection.peer}`);
    this.changed();
  }

  /** Chooses the connection that is so many before or after. */
  moveConnection(by: number): void {
    const numbers = [...this.session?.connections.keys() ?? []].sort((one, other) => one - other);
    const index = Math.max(0, Math.min(numbers.length - 1, numbers.indexOf(this.connection) + by));
    if (numbers[index] !== undefined) this.chooseConnection(numbers[index]);
  }

  /** Chooses a row. */
  choose(way: Direction, index: number): void {
    const rows = this.current?.[way].rows ?? [];
    if (rows.length === 0) return;
    this.following = false;
    this.way = way;
    this.rows[way] = Math.max(0, Math.min(rows.length - 1, index));
    this.#sayChoice();
    this.changed();
  }

  /** Chooses the row that is so many before or after. */
  move(by: number): void {
    this.choose(this.way, this.rows[this.way] + by);
  }

  /** Chooses the first piece of the message before or after. */
  moveMessage(by: 1 | -1): void {
    const { choice } = this;
    if (choice === undefined) return this.move(0);
    const { flow, row } = choice;
    const unit = flow.units[flow.unitAt(row.at) + by];
    this.choose(
      this.way,
      unit === undefined
        ? by * Infinity
        : flow.datagrams
        ? flow.rows.findIndex(({ datagram }) => datagram === unit.number)
        : flow.rowAt(unit.start),
    );
  }

  /** Chooses the other direction, at the same time. */
  turn(): void {
    const other = this.way === "up" ? "down" : "up";
    const t = this.choice?.row.t ?? Infinity;
    this.choose(other, this.current?.[other].rowAtTime(t) ?? 0);
  }

  /** Chooses the newest row, and those to come. */
  follow(): void {
    this.following = true;
    this.#follow();
    this.changed();
  }

  /** The session has forgotten its oldest pieces. */
  trimmed(): void {
    this.isTrimmed = true;
    const { current } = this;
    if (current === undefined) this.following = true;
    else {for (const way of ["up", "down"] as const) {
        this.rows[way] = Math.min(this.rows[way], current[way].rows.length - 1);
      }}
  }

  /** The message of the chosen piece's last byte. */
  get message(): Message | undefined {
    const { choice } = this;
    if (choice === undefined) return undefined;
    const { flow, row } = choice;
    return flow.datagrams
      ? flow.message(row.datagram ?? 0)
      : flow.messages[flow.unitAt(row.at + Math.max(0, row.n - 1))];
  }

  #follow(): void {
    const { session } = this;
    if (session === undefined) return;
    const { current } = this;
    if (current === undefined || current.closed !== undefined) {
      const open = [...session.connections.values()].findLast(({ closed }) => closed === undefined);
      const next = open ?? current ?? session.connections.values().next().value;
      if (next !== undefined && next !== current) {
        this.connection = next.number;
        this.rows.up = this.rows.down = -1;
      }
    }
    const connection = this.current;
    if (connection === undefined) return;
    // The newest piece is chosen, not a mark after it: the piece shows more.
    const newest = (flow: Flow) => flow.pieces.at(-1) ?? flow.rows.at(-1);
    const [up, down] = [newest(connection.up), newest(connection.down)];
    this.rows.up = up?.index ?? -1;
    this.rows.down = down?.index ?? -1;
    const rank = (row: Row | undefined) => row === undefined ? -1 : row.kind === "piece" ? row.t + 1 : 0;
    this.way = rank(down) > rank(up) ? "down" : "up";
  }

  #sayChoice(): void {
    const { choice } = this;
    if (choice === undefined) return;
    const { flow, row } = choice;
    const what = row.kind === "piece" ? `Piece ${row.piece} of ${flow.tally().pieces}, ` : "";
    const holds = row.kind === "piece" ? `. A decoder holds ${flow.holds(row).text}` : "";
    this.say(`${what}${flow.describe(row)}${holds}`);
  }
}
