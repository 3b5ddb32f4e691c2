import type { Flow } from "../../../../lib/record/flow.ts";
import type { Connection } from "../../../../lib/record/session.ts";
import type { App } from "./app.ts";
import { fill, make, setText } from "./dom.ts";
import { formatCount, formatSize } from "./format.ts";

/** Connections listed at most: the newest ones. */
const MOST = 200;

/** The list of connections. */
export class ConnectionList {
  readonly #app: App;
  readonly #list: HTMLElement;
  readonly #items = new Map<number, HTMLLIElement>();

  /** Fills a list. */
  constructor(app: App, list: HTMLElement) {
    this.#app = app;
    this.#list = list;
  }

  /** Shows the connections, and which is chosen. */
  draw(): void {
    const connections = [...this.#app.session?.connections.values() ?? []]
      .sort((one, other) => one.number - other.number).slice(-MOST);
    const kept = new Set(connections.map(({ number }) => number));
    for (const [number, item] of this.#items) {
      if (kept.has(number)) continue;
      item.remove();
      this.#items.delete(number);
    }
    for (const connection of connections) this.#drawItem(connection);
  }

  #drawItem(connection: Connection): void {
    const { number, peer, up, down, closed } = connection;
    let item = this.#items.get(number);
    if (item === undefined) {
      const button = make("button", {}, make("b"), make("code"), make("span"), make("small"));
      button.onclick = () => this.#app.chooseConnection(number);
      item = make("li", {}, button);
      this.#items.set(number, item);
      item.value = number;
      const after = [...this.#list.children].find((each) => (each as HTMLLIElement).value > number);
      this.#list.insertBefore(item, after ?? null);
    }
    const button = item.firstElementChild!;
    const current = String(this.#app.connection === number);
    if (button.getAttribute("aria-current") !== current) {
      button.setAttribute("aria-current", current);
      if (current === "true") item.scrollIntoView({ block: "nearest" });
    }
    const [name, address, end, counts] = button.children as unknown as [Element, Element, Element, Element];
    setText(name, String(number));
    setText(address, peer.replace(/^.*(?=:\d+$)/, ""));
    if (closed !== undefined) item.dataset.closed = closed.reason;
    const isFault = closed !== undefined && closed.reason.includes("reset");
    const words = closed === undefined ? "open" : isFault ? `✕ ${closed.reason}` : closed.reason;
    if (end.textContent !== words) fill(end, make("span", { class: isFault ? "fault" : "" }, words));
    const amount = (flow: Flow) =>
      `${formatSize(Math.max(0, flow.passed - flow.start))} in ${formatCount(flow.tally().pieces)}`;
    setText(
      counts,
      `${`↑ ${amount(up)}`.replaceAll(" ", "\u00a0")}\u2002 ${`↓ ${amount(down)}`.replaceAll(" ", "\u00a0")}`,
    );
  }
}
