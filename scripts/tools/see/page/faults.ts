import { partsOf } from "../../../../lib/framing/layout.ts";
import { layoutOf } from "../../../../lib/framing/layout_of.ts";
import type { App } from "./app.ts";
import { fill, find, make } from "./dom.ts";
import { arrowOf } from "./format.ts";

/** The faults as the proxy's options. */
export type Faults = Readonly<Record<string, unknown>>;

interface Field {
  readonly name: string;
  readonly label: string;
  readonly unit: string;
  /** What to fill in when the fault is switched on without a value. */
  readonly usual: string;
  readonly for: "streams" | "datagrams" | "both";
  readonly help: string;
}

const FIELDS: readonly Field[] = [
  {
    name: "cut",
    label: "cut",
    unit: "bytes",
    usual: "1-7",
    for: "streams",
    help: "Split writes into pieces of so many bytes",
  },
  { name: "delay", label: "delay", unit: "ms", usual: "2-20", for: "both", help: "Wait before each write or datagram" },
  {
    name: "join",
    label: "join",
    unit: "ms",
    usual: "100",
    for: "streams",
    help: "Pass on in one write what arrives within this time",
  },
  {
    name: "rate",
    label: "rate",
    unit: "bytes/s",
    usual: "200",
    for: "streams",
    help: "Pass on so many bytes a second",
  },
  {
    name: "stopAfter",
    label: "stop after",
    unit: "bytes",
    usual: "100",
    for: "streams",
    help: "Stop reading, and keep the connection open",
  },
  {
    name: "resetAt",
    label: "reset at",
    unit: "byte",
    usual: "7",
    for: "streams",
    help: "Reset the connection after so many bytes",
  },
  {
    name: "resetIn",
    label: "reset in",
    unit: "",
    usual: "1",
    for: "streams",
    help: "Reset the connection inside a part of a message, counted from the switch on",
  },
  { name: "lose", label: "lose", unit: "%", usual: "10", for: "datagrams", help: "Lose datagrams" },
  { name: "repeat", label: "repeat", unit: "%", usual: "10", for: "datagrams", help: "Send datagrams twice" },
  {
    name: "reorder",
    label: "reorder",
    unit: "%",
    usual: "10",
    for: "datagrams",
    help: "Send datagrams after the next one",
  },
];

/** A fault's row of the form. */
interface Line {
  readonly field: Field;
  readonly switch: HTMLInputElement;
  readonly value: HTMLInputElement;
  readonly label: HTMLLabelElement;
  readonly unit: HTMLElement;
}

/** The form that switches faults. */
export class FaultForm {
  readonly #app: App;
  readonly #send: (faults: Faults) => Promise<void>;
  readonly #lines: Line[] = [];
  readonly #part: HTMLSelectElement = make("select", { "aria-label": "part of the message" });
  readonly #direction: HTMLSelectElement = make(
    "select",
    { id: "fault-direction" },
    ...(["both", "up", "down"] as const).map((way) =>
      make("option", { value: way }, way === "both" ? "both ways" : `only ${arrowOf(way)} ${way}`)
    ),
  );
  #shown = "";

  /** Makes the form. `send` asks the server for the faults, and rejects with what was expected. */
  constructor(app: App, send: (faults: Faults) => Promise<void>) {
    this.#app = app;
    this.#send = send;
    const form = find<HTMLFormElement>("faults");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
    });
    form.addEventListener("change", (event) => this.#change(event.target as HTMLElement));
  }

  /** Shows the faults in force. */
  draw(): void {
    const { session, state } = this.#app;
    if (session === undefined) return;
    const faults = state?.faults ?? session.faults;
    const key = JSON.stringify([faults, session.datagrams, session.framing, state?.seed, state === undefined]);
    if (key === this.#shown) return;
    this.#shown = key;
    if (this.#lines.length === 0) this.#build(session.datagrams, state === undefined);
    this.#fillParts(session.framing);
    for (const { field, switch: toggle, value, label } of this.#lines) {
      const given = faults[field.name];
      toggle.checked = given !== undefined && given !== null;
      label.classList.toggle("on", toggle.checked);
      value.removeAttribute("aria-invalid");
      if (field.name === "resetIn") {
        if (toggle.checked) this.#part.value = String(given);
        value.value = toggle.checked ? String(faults.message ?? 1) : "";
      } else if (toggle.checked) value.value = formatRange(given);
      else if (document.activeElement !== value) value.value = "";
    }
    this.#direction.value = String(faults.direction ?? "both");
    this.#note(
      `seed ${state?.seed ?? session.seed}${
        state === undefined ? "" : " · a change applies from the next byte on, and is recorded"
      }`,
    );
  }

  /** Puts the focus on the first fault. */
  focus(): void {
    this.#lines[0]?.switch.focus();
  }

  #build(datagrams: boolean, fixed: boolean): void {
    const list = find("fault-list");
    for (const field of FIELDS.filter((field) => field.for === "both" || (field.for === "datagrams") === datagrams)) {
      const id = `fault-${field.name}`;
      const line: Line = {
        field,
        switch: make("input", { type: "checkbox", id, name: field.name, disabled: fixed }),
        label: make("label", { for: id, title: field.help }, field.label),
        value: make("input", {
          type: "text",
          name: field.name,
          "aria-label": `${field.label}, ${field.unit || "number of the message"}`,
          placeholder: field.usual,
          spellcheck: "false",
          disabled: fixed,
        }),
        unit: make("span", { class: "unit" }, field.unit),
      };
      this.#lines.push(line);
      if (field.name === "resetIn") {
        list.append(line.switch, line.label, this.#part);
        list.append(make("span"), make("span", { class: "unit" }, "of message"), line.value, make("span"));
      } else list.append(line.switch, line.label, line.value, line.unit);
    }
    this.#direction.disabled = fixed;
    list.append(make("span"), make("label", { for: "fault-direction" }, "applies"), this.#direction);
  }

  /** Offers the parts that messages of the framing have. */
  #fillParts(framing: string | undefined): void {
    let names: string[] = [];
    try {
      names = framing === undefined ? [] : partsOf(layoutOf(framing)).map(({ name }) => name);
    } catch {
      // Without a framing, there is no part to reset in.
    }
    const options = names.map((name) => make("option", { value: name }, name));
    fill(this.#part, ...options.length > 0 ? options : [make("option", { value: "" }, "no framing")]);
    const line = this.#lines.find(({ field }) => field.name === "resetIn");
    if (line !== undefined) {
      const isOff = names.length === 0 || this.#app.state === undefined;
      line.switch.disabled = line.value.disabled = this.#part.disabled = isOff;
    }
  }

  #change(target: HTMLElement): void {
    const line = this.#lines.find(({ switch: toggle, value }) => toggle === target || value === target);
    if (line !== undefined && target === line.value) line.switch.checked = line.value.value.trim() !== "";
    if (line !== undefined && target === line.switch && line.switch.checked && line.value.value.trim() === "") {
      line.value.value = line.field.usual;
    }
    if (
      target === this.#part &&
      !this.#lines.some(({ field, switch: { checked } }) => field.name === "resetIn" && checked)
    ) return;
    this.#apply();
  }

  #apply(): void {
    const faults: Record<string, unknown> = {};
    for (const { field, switch: toggle, value } of this.#lines) {
      value.removeAttribute("aria-invalid");
      if (!toggle.checked) continue;
      const range = parseRange(value.value);
      if (range === undefined) {
        value.setAttribute("aria-invalid", "true");
        this.#note(`${field.label}: expected a number or a range, as ${field.usual}, got "${value.value}"`, true);
        return;
      }
      if (field.name === "resetIn") {
        faults.framing = this.#app.session?.framing;
        faults.resetIn = this.#part.value;
        faults.message = range;
      } else faults[field.name] = range;
    }
    if (this.#direction.value !== "both") faults.direction = this.#direction.value;
    this.#send(faults).catch((error) => this.#note(error.message, true));
    this.#shown = "";
  }

  #note(text: string, isError = false): void {
    const note = find("fault-note");
    note.textContent = text;
    note.classList.toggle("error", isError);
    note.setAttribute("role", isError ? "alert" : "note");
  }
}

/** Parses `7` or `1-7`; `undefined` for anything else. */
function parseRange(text: string): number | [number, number] | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:[-–]\s*(\d+(?:\.\d+)?)\s*)?$/.exec(text);
  if (match === null) return undefined;
  return match[2] === undefined ? Number(match[1]) : [Number(match[1]), Number(match[2])];
}

function formatRange(value: unknown): string {
  return Array.isArray(value) ? [...new Set(value)].join("-") : String(value);
}
