import { UsageError } from "../../../lib/cli/mod.ts";
import type { Recorder } from "../../../lib/record/recorder.ts";
import type { FaultOptions, ProxyServer } from "../../../services/proxy/server.ts";
import { Feed } from "./feed.ts";
import { sessionPage } from "./page.ts";
import type { Control, State } from "./protocol.ts";
import { faultsOf, parseValues } from "./scene.ts";

/** What a view shows besides the proxy. */
export interface ViewOptions {
  /** The proxy, and what it records. */
  proxy: ProxyServer;
  recorder: Recorder;
  /** The faults of the proxy. */
  faults: FaultOptions;
  /** The framing of the messages by name. */
  framing: string | undefined;
  service: string | undefined;
  /** The command line of a client. */
  command?: string;
  /** Runs the exchange of the service with the proxy. */
  exchange?: () => Promise<unknown>;
}

/** The state that all pages share, and their controls. */
export class View {
  /** The events and the state, for pages. */
  readonly feed: Feed;
  readonly #options: ViewOptions;
  #faults: FaultOptions;
  #running: Promise<void> | undefined;
  #outcome: string | undefined;

  /** Starts with what the proxy does already. */
  constructor(options: ViewOptions) {
    this.#options = options;
    this.#faults = options.faults;
    this.feed = new Feed(options.recorder, () => this.state);
  }

  /** The name of files with the recording, without an extension. */
  get name(): string {
    return `wirebench-${this.#options.service ?? "session"}`;
  }

  /** The recording as a file of JSON lines. */
  recording(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return ReadableStream.from(this.#options.recorder.snapshot()).pipeThrough(new TextEncoderStream());
  }

  /** The recording as one page. */
  session(): string {
    return sessionPage([...this.#options.recorder.snapshot()].join(""));
  }

  /** The state of the proxy. */
  get state(): State {
    const { proxy, recorder, service, command, exchange } = this.#options;
    return {
      header: recorder.header!,
      faults: this.#faults as State["faults"],
      paused: proxy.isPaused,
      seed: proxy.seed,
      service,
      command,
      exchange: exchange !== undefined,
      running: this.#running !== undefined,
      outcome: this.#outcome,
    };
  }

  /**
   * Runs the control that a page sends.
   *
   * @param asked A parsed JSON value, checked here.
   * @throws {UsageError} If it is not a {@linkcode Control}.
   * @throws {RangeError} If the proxy cannot do it.
   */
  control(asked: unknown): void {
    const { proxy, framing } = this.#options;
    const control = checkControl(asked);
    switch (control.do) {
      case "faults": {
        const values = parseValues(Object.entries(control.faults));
        const faults = faultsOf(values, framing);
        proxy.setFaults(faults, values.seed);
        this.#faults = faults;
        break;
      }
      case "pause":
        proxy.pause();
        break;
      case "resume":
        proxy.resume();
        break;
      case "step":
        return proxy.step(control.connection, control.way, control.unit);
      case "end":
        return proxy.endSide(control.connection, control.way);
      case "reset":
        return proxy.reset(control.connection);
      case "exchange":
        this.#run();
        break;
    }
    this.feed.change();
  }

  /** Waits until no exchange is running. */
  async finished(): Promise<void> {
    await this.#running;
  }

  #run(): void {
    const { exchange } = this.#options;
    if (exchange === undefined) throw new UsageError("There is no exchange to run");
    if (this.#running !== undefined) throw new UsageError("An exchange is running");
    this.#running = exchange().then(() => "right", (error) => error instanceof Error ? error.message : String(error))
      .then((outcome) => {
        this.#outcome = outcome;
        this.#running = undefined;
        this.feed.change();
      });
  }
}

/** The fields of controls: what is expected of each, and whether a value is that. */
const FIELDS: Record<string, [expected: string, isValid: (value: unknown) => boolean]> = {
  faults: ["faults by their names", (value) => typeof value === "object" && value !== null && !Array.isArray(value)],
  connection: ["the number of a connection", (value) => Number.isSafeInteger(value)],
  way: ["up or down", (value) => value === "up" || value === "down"],
  unit: ["byte, piece or message", (value) => value === "byte" || value === "piece" || value === "message"],
};

/** The fields of each control. */
const CONTROLS: Record<Control["do"], string[]> = {
  faults: ["faults"],
  pause: [],
  resume: [],
  exchange: [],
  step: ["connection", "way", "unit"],
  end: ["connection", "way"],
  reset: ["connection"],
};

function checkControl(asked: unknown): Control {
  const given = (asked ?? {}) as Record<string, unknown>;
  const name = String(given["do"]);
  if (!Object.hasOwn(CONTROLS, name)) {
    throw new UsageError(`Expected do to be ${Object.keys(CONTROLS).join(", ")}, got ${JSON.stringify(name)}`);
  }
  for (const field of CONTROLS[name as Control["do"]]) {
    const [expected, isValid] = FIELDS[field]!;
    if (!isValid(given[field])) {
      throw new UsageError(`Expected ${field} to be ${expected}, got ${JSON.stringify(given[field])}`);
    }
  }
  return given as unknown as Control;
}
