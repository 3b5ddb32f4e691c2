import { sleep } from "../../lib/net/timer.ts";
import type { StepUnit } from "../../lib/record/tap.ts";
import type { ProxyConfig } from "./_proxy.ts";

/** Holds back one direction of a connection while the proxy is paused, and lets single steps through. */
export class Gate {
  readonly #config: ProxyConfig;
  #waking = new AbortController();
  /** The step that is under way. */
  step: StepUnit | undefined;

  constructor(config: ProxyConfig) {
    this.#config = config;
  }

  /** Whether nothing may pass. */
  get isClosed(): boolean {
    return this.#config.isPaused && this.step === undefined;
  }

  /** Aborts at the next wake. */
  get signal(): AbortSignal {
    return this.#waking.signal;
  }

  /** Ends all waits in this direction, since the faults, the pause or the connection have changed. */
  wake(): void {
    const waking = this.#waking;
    this.#waking = new AbortController();
    if (!this.#config.isPaused) this.step = undefined;
    waking.abort();
  }

  /** Waits for a time, a step, or until `isOver`, which is checked at each wake. */
  async delay(milliseconds: number, isOver: () => boolean): Promise<void> {
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && this.step === undefined && !isOver(); left = until - performance.now()) {
      await sleep(left, this.signal);
    }
  }

  /** Waits while the gate is closed, or until `isOver`, which is checked at each wake. */
  async opening(isOver: () => boolean): Promise<void> {
    while (this.isClosed && !isOver()) await sleep(Infinity, this.signal);
  }
}
