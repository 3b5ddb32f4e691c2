// Another program may pass `undefined` for every option that it need not give. Checking the types of this file is the test.
import type * as cli from "@wirebench/wirebench/cli";
import type * as framing from "@wirebench/wirebench/framing";
import type * as launch from "@wirebench/wirebench/launch";
import type * as log from "@wirebench/wirebench/log";
import type * as net from "@wirebench/wirebench/net";
import type { serveChat } from "@wirebench/wirebench/chat";
import type { serveClock } from "@wirebench/wirebench/clock";
import type { serveDelimited } from "@wirebench/wirebench/delimited";
import type { serveDispatch } from "@wirebench/wirebench/dispatch";
import type { serveFixed } from "@wirebench/wirebench/fixed";
import type { serveLines } from "@wirebench/wirebench/lines";
import type { serveObjects } from "@wirebench/wirebench/objects";
import type { serveProxy } from "@wirebench/wirebench/proxy";
import type { serveUdpChat } from "@wirebench/wirebench/udp-chat";

/** The names of optional properties that refuse `undefined`. */
type Refusing<Options> = keyof {
  [
    Name in keyof Options as Record<never, never> extends Pick<Options, Name>
      ? Record<Name, undefined> extends Pick<Options, Name> ? never : Name
      : never
  ]: never;
};
type None<Names extends never> = Names;
type First<Serve extends (...args: never[]) => unknown> = NonNullable<Parameters<Serve>[0]>;
type Last<Call extends (...args: never[]) => unknown> = NonNullable<Parameters<Call>[1]>;

export type Checked = [
  None<Refusing<cli.Command>>,
  None<Refusing<cli.Option<unknown>>>,
  None<Refusing<NonNullable<Parameters<typeof cli.integer>[3]>>>,
  None<Refusing<NonNullable<Parameters<typeof cli.seconds>[2]>>>,
  None<Refusing<First<typeof framing.decimalHeader>>>,
  None<Refusing<First<typeof framing.lengthPrefix>>>,
  None<Refusing<First<typeof framing.lines>>>,
  None<Refusing<First<typeof framing.netstring>>>,
  None<Refusing<First<typeof framing.lineBatches>>>,
  None<Refusing<First<typeof framing.headedBatches>>>,
  None<Refusing<Last<typeof framing.delimited>>>,
  None<Refusing<Last<typeof framing.pickle>>>,
  None<Refusing<launch.Attempt>>,
  None<Refusing<launch.ClientCommand<cli.Options>>>,
  None<Refusing<launch.Program>>,
  None<Refusing<launch.ServerCommand<cli.Options>>>,
  None<Refusing<launch.TcpServerCommand<cli.Options>>>,
  None<Refusing<log.LogOptions>>,
  None<Refusing<net.BroadcastOptions>>,
  None<Refusing<net.ConnectionOptions>>,
  None<Refusing<net.ConnectTcpOptions>>,
  None<Refusing<net.ConnectUdpOptions>>,
  None<Refusing<net.ServeTcpOptions>>,
  None<Refusing<net.ServeUdpOptions>>,
  None<Refusing<net.ServeWorkersOptions>>,
  None<Refusing<net.Trust>>,
  None<Refusing<First<typeof serveChat>>>,
  None<Refusing<First<typeof serveClock>>>,
  None<Refusing<First<typeof serveDelimited>>>,
  None<Refusing<First<typeof serveDispatch>>>,
  None<Refusing<First<typeof serveFixed>>>,
  None<Refusing<First<typeof serveLines>>>,
  None<Refusing<First<typeof serveObjects>>>,
  None<Refusing<First<typeof serveProxy>>>,
  None<Refusing<First<typeof serveUdpChat>>>,
];
