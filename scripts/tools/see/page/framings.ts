import type { App } from "./app.ts";
import { fill, find, make } from "./dom.ts";

/** Framings without arguments. */
const NAMES = ["header", "lines", "netstring", "length1", "length2", "length4", "length8", "length2le", "length4le"];
const OTHER = "other";

/** The choice of a framing, which may be changed at any time. */
export class FramingChoice {
  readonly #app: App;
  readonly #notify: (text: string, isError?: boolean) => void;
  readonly #select = find<HTMLSelectElement>("framing");
  readonly #other = make("option", { value: OTHER }, "other ...");
  readonly #text = find<HTMLInputElement>("framing-text");
  #shown: string | undefined;

  /** Fills the choice. `notify` shows what was expected. */
  constructor(app: App, notify: (text: string, isError?: boolean) => void) {
    this.#app = app;
    this.#notify = notify;
    fill(
      this.#select,
      make("option", { value: "" }, "none"),
      ...NAMES.map((name) => make("option", { value: name }, name)),
      this.#other,
    );
    this.#text.placeholder = "fixed:16";
    this.#text.title = "fixed:LENGTH, tagged:TYPE=LENGTH,..., delimited:TEXT, field:bytes=3,endian=little";
    this.#select.addEventListener("change", () => {
      const other = this.#select.value === OTHER;
      this.#text.hidden = !other;
      if (other) this.#text.focus();
      else this.#set(this.#select.value);
    });
    this.#text.addEventListener("change", () => this.#set(this.#text.value.trim()));
  }

  /** Shows the session's framing. */
  draw(): void {
    const framing = this.#app.session?.framing ?? "";
    this.#select.disabled = this.#app.session === undefined || this.#app.session.datagrams;
    if (framing === this.#shown) return;
    this.#shown = framing;
    this.#offer(framing);
    this.#select.value = framing;
    this.#text.hidden = true;
  }

  /** Puts the focus on the choice. */
  focus(): void {
    this.#select.focus();
  }

  /** Adds a framing with arguments to those offered. */
  #offer(framing: string): void {
    if ([...this.#select.options].some(({ value }) => value === framing)) return;
    this.#other.before(make("option", { value: framing }, framing));
  }

  #set(framing: string): void {
    try {
      this.#app.session?.setFraming(framing);
      this.#text.removeAttribute("aria-invalid");
      this.#notify("");
    } catch (error) {
      this.#text.setAttribute("aria-invalid", "true");
      this.#notify(`Framing: ${(error as Error).message}`, true);
    }
    this.#app.changed();
  }
}
