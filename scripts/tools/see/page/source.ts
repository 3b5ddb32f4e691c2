import type { RecordedEvent } from "../../../../lib/record/event.ts";
import type { Control, State } from "../protocol.ts";

/** Called with what the server sends. */
export interface Listener {
  state(state: State): void;
  events(events: readonly RecordedEvent[]): void;
  /** The stream began, or broke and will be tried again, or was closed since the page is hidden. */
  status(status: "open" | "broken" | "closed"): void;
}

/** The server's stream of events. While the page is hidden it is closed: a browser allows six to a host. */
export class Live {
  readonly #listener: Listener;
  #stream: EventSource | undefined;
  /** The position after the last events. */
  #after: string | undefined;

  /** Opens the stream. */
  constructor(listener: Listener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.#update());
    this.#update();
  }

  /** Sends a request to the server. Throws an error that states what was expected. */
  async control(control: Control): Promise<void> {
    const response = await fetch("control", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(control),
    });
    if (response.ok) return;
    const text = await response.text();
    let error = text;
    try {
      error = JSON.parse(text).error;
    } catch {
      // A refusal is plain text.
    }
    throw new Error(error);
  }

  #update(): void {
    if (document.hidden) {
      if (this.#stream !== undefined) this.#listener.status("closed");
      this.#stream?.close();
      this.#stream = undefined;
      return;
    }
    if (this.#stream !== undefined) return;
    const stream = new EventSource(
      this.#after === undefined ? "events" : `events?after=${encodeURIComponent(this.#after)}`,
    );
    this.#stream = stream;
    stream.onopen = () => this.#listener.status("open");
    stream.onerror = () => this.#listener.status("broken");
    stream.addEventListener("state", ({ data }) => this.#listener.state(JSON.parse(data)));
    stream.onmessage = ({ data, lastEventId }) => {
      if (lastEventId !== "") this.#after = lastEventId;
      this.#listener.events(JSON.parse(data));
    };
  }
}
