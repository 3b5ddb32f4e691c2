import { type Exchange, EXCHANGES } from "../scripts/tools/demo/exchanges.ts";

/** Differences from the demo, which pauses so that people can watch, and measures. */
const QUICK: Record<string, Partial<Exchange>> = {
  clock: { servers: [["--interval", "0.05"]] },
  dispatch: {
    run: ({ client }) => client(["--connections", "2", "--duration", "0.1"], /^2 connections held, \d+ round trips/),
  },
};

/** The exchanges of the demo, without its waits. */
export const QUICK_EXCHANGES: Exchange[] = EXCHANGES.map((exchange) => ({ ...exchange, ...QUICK[exchange.service] }));
