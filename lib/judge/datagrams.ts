import type { Patience } from "./patience.ts";

/** Where a server of datagrams listens, and how long to wait for it. */
export interface DatagramStage {
  readonly hostname: string;
  readonly port: number;
  readonly patience: Patience;
}
