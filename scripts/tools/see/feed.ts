import type { Recorder } from "../../../lib/record/recorder.ts";
import { sleep } from "../../../lib/net/timer.ts";
import type { State } from "./protocol.ts";

/** The pause after a batch, as a multiple of the time that the batch took: traffic comes first. */
const PAUSES = 4;

/** Events for a page, and the position after them. */
interface Batch {
  chunk: Uint8Array<ArrayBuffer>;
  next: number;
}

const encoder = new TextEncoder();

/**
 * Streams a recording to pages as server-sent events. Each page has a position in it, and takes the next batch when it has
 * read the last one. Pages at the same position share a batch.
 */
export class Feed {
  readonly #recorder: Recorder;
  readonly #state: () => State;
  readonly #batches = new Map<number, Promise<Batch>>();
  #changes = 0;
  #changed = new AbortController();
  readonly #stopped = new AbortController();
  #turn: Promise<void> = Promise.resolve();

  /**
   * @param recorder What to stream.
   * @param state Returns the state that pages show.
   */
  constructor(recorder: Recorder, state: () => State) {
    this.#recorder = recorder;
    this.#state = state;
  }

  /** Sends the state to all pages, after a change of it. */
  change(): void {
    this.#changes++;
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /** Ends all streams. */
  stop(): void {
    this.#stopped.abort();
    this.change();
  }

  /** Starts the stream of a page: the state first, then what is recorded from the position on. */
  stream(start: number): ReadableStream<Uint8Array<ArrayBuffer>> {
    let { position } = this.#recorder.cursor(start);
    const left = new AbortController();
    let changes = -1;
    const next = async (): Promise<Uint8Array<ArrayBuffer> | void> => {
      while (!this.#stopped.signal.aborted && !left.signal.aborted) {
        if (changes !== this.#changes) {
          changes = this.#changes;
          return encoder.encode(`event: state\ndata: ${JSON.stringify(this.#state())}\n\n`);
        }
        if (position < this.#recorder.events) {
          const batch = await this.#batchAt(position);
          position = batch.next;
          return batch.chunk;
        }
        if (this.#recorder.isStopped) return;
        await this.#recorder.arrival(position, AbortSignal.any([left.signal, this.#changed.signal]));
      }
    };
    return new ReadableStream({
      async pull(controller) {
        const chunk = await next();
        if (chunk) controller.enqueue(chunk);
        else if (!left.signal.aborted) controller.close();
      },
      cancel: () => left.abort(),
    }, { highWaterMark: 0 });
  }

  /** The batch of events at a position. It is made when the earlier batches have left the proxy enough time. */
  #batchAt(position: number): Promise<Batch> {
    const made = this.#batches.get(position);
    if (made !== undefined) return made;
    let pause = 0;
    const batch = this.#turn.then(() => {
      // Pages that ask later may find more events at this position.
      this.#batches.delete(position);
      const began = performance.now();
      const cursor = this.#recorder.cursor(position);
      const lines = cursor.read();
      const chunk = encoder.encode(`id: ${cursor.position}\ndata: [${lines.join(",")}]\n\n`);
      pause = (performance.now() - began) * PAUSES;
      return { chunk, next: cursor.position };
    });
    this.#turn = batch.then(() => sleep(pause, this.#stopped.signal));
    this.#batches.set(position, batch);
    return batch;
  }
}
