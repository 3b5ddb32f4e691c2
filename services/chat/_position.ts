import { type StreamInfo } from "@nats-io/jetstream";

/**
 * Number of batches before its place that a server reads again in each session. Nodes of NATS that keep one log may number
 * the same batches differently, by as many as were appended twice.
 */
const REREAD = 64;
/** Number of sessions that must find the same gap before it counts as missed. */
const GAPS_BELIEVED = 3;
/** Number of servers whose last batch is remembered. */
const SERVERS_REMEMBERED = 1000;

/** A gap in what a session delivers. Another session, perhaps at another node, may deliver what is missing. */
export class Gap extends Error {}

/**
 * The place of a server in the log: where a session begins to read, and which of what it reads is new.
 *
 * Two kinds of numbers are compared with those expected: the sequences that NATS gives to messages, and the numbers that
 * each server gives to its batches. Sequences alone do not suffice, since a node of NATS may number what the log has
 * otherwise than another node does.
 */
export class Position {
  /** What the log says about missing batches, as sentences for a log. */
  readonly #warn: (message: string, facts?: Record<string, unknown>) => void;
  /** When the log was created. */
  #created: string | undefined;
  /** The first sequence that was ever read, and the next one. */
  #first = 0;
  #next = 0;
  /** Number of the last batch of each server, and how often some of the log had been skipped then. */
  readonly #last = new Map<bigint, { number: number; skipped: number }>();
  #skipped = 0;
  /** The gap that was found last, and in how many sessions. */
  #gap = { name: "", sessions: 0 };
  #isOpen = false;
  #missed = 0;

  /**
   * Creates a position without a log.
   *
   * @param warn Reports what members have missed.
   */
  constructor(warn: (message: string, facts?: Record<string, unknown>) => void) {
    this.#warn = warn;
  }

  /** Number of batches that were missed. */
  get missed(): number {
    return this.#missed;
  }

  /** The next sequence of the log. */
  get next(): number {
    return this.#next;
  }

  /** From now on there may be members, who miss what the log lacks. */
  open(): void {
    this.#isOpen = true;
  }

  /**
   * Begins to read a log, before there are members.
   *
   * @param log The log.
   * @param count Number of its last batches that are wanted.
   * @returns The sequence to read from.
   */
  start({ created, state: { first_seq: first, last_seq: last } }: StreamInfo, count: number): number {
    this.#created = created;
    // The last batches tell the numbers of their servers, so that a later session knows them if it reads them again.
    return this.#first = this.#next = Math.max(first, last + 1 - Math.max(count, 2 * REREAD), 1);
  }

  /**
   * Continues in another session.
   *
   * @param log The log. One that was recreated counts from 1 again.
   * @returns The sequence to read from.
   */
  resume({ created, state: { first_seq: first, last_seq: last } }: StreamInfo): number {
    if (created !== this.#created) {
      this.#created = created;
      this.#first = this.#next = Math.max(first, 1);
      this.#skipped++;
      this.#warn("The log was recreated: members here may have missed messages");
    } else if (last < this.#next - 1) {
      this.#warn("The log no longer has {batches} that members here have got", {
        batches: batches(this.#next - 1 - last),
      });
      this.#next = last + 1;
    } else if (first > this.#next) {
      this.#skipTo(first);
    }
    return Math.max(first, this.#first, this.#next - (REREAD << this.#gap.sessions));
  }

  /**
   * Advances to a message of the log.
   *
   * @param sequence Its sequence.
   * @returns Whether no earlier session had it.
   * @throws {Gap} If some before it may be found in another session.
   */
  advance(sequence: number): boolean {
    if (sequence > this.#next) {
      if (this.#isOpen) this.#doubt(`expected ${this.#next}, got ${sequence}`);
      this.#skipTo(sequence);
    }
    const isNew = sequence === this.#next;
    this.#next = Math.max(this.#next, sequence + 1);
    return isNew;
  }

  /**
   * Tells whether a batch is new.
   *
   * @param batch A batch of the log.
   * @returns Whether it has not been read before: not in an earlier session, and not because it was appended twice.
   * @throws {Gap} If batches before it may be found in another session.
   */
  accept({ server, number }: { server: bigint; number: number }): boolean {
    const { number: last = 0, skipped } = this.#last.get(server) ?? {};
    if (number <= last) return false;
    // Unless some of the log was skipped, the numbers of a server follow each other.
    if (this.#isOpen && skipped === this.#skipped && number > last + 1) {
      this.#doubt(`expected batch ${last + 1} of server ${server.toString(16)}, got ${number}`);
      this.#miss(number - last - 1, "they never were in the log");
    }
    this.#last.delete(server);
    this.#last.set(server, { number, skipped: this.#skipped });
    if (this.#last.size > SERVERS_REMEMBERED) this.#last.delete(this.#last.keys().next().value!);
    return true;
  }

  /** Throws at a gap until enough sessions have found it. Each reads further back than the last one. */
  #doubt(name: string): void {
    if (this.#gap.name !== name) this.#gap = { name, sessions: 0 };
    if (++this.#gap.sessions < GAPS_BELIEVED) throw new Gap(name);
    this.#gap = { name: "", sessions: 0 };
  }

  /** Continues at a later sequence. */
  #skipTo(sequence: number): void {
    if (this.#isOpen) this.#miss(sequence - this.#next, "NATS removed them before this server read them");
    this.#next = sequence;
    this.#skipped++;
  }

  #miss(count: number, why: string): void {
    this.#missed += count;
    this.#warn(`Members here have missed {batches}: ${why}`, { batches: batches(count) });
  }
}

/** A number of batches, in words. */
export function batches(count: number): string {
  return count === 1 ? "1 batch" : `${count} batches`;
}
