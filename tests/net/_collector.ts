/** A span, as far as the tests look at it. */
export interface Span {
  name: string;
  spanId: string;
  parentSpanId: string;
  attributes: Record<string, unknown>;
  status: { code: number; message: string };
  events: string[];
}

/** A metric's data point: its unit, kind and value. The value of a histogram is the number of its records. */
export interface Point {
  name: string;
  unit: string;
  kind: "counter" | "up-down counter" | "histogram";
  value: number;
  attributes: Record<string, unknown>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}
interface DataPoint {
  attributes: Attribute[];
  asDouble?: number;
  asInt?: string;
  count?: string;
}
interface Scope {
  scope: { name: string };
  spans?: (Omit<Span, "attributes" | "events"> & { attributes: Attribute[]; events: { name: string }[] })[];
  metrics?: {
    name: string;
    unit: string;
    sum?: { isMonotonic: boolean; dataPoints: DataPoint[] };
    histogram?: { dataPoints: DataPoint[] };
  }[];
}
interface Export {
  resourceSpans?: { scopeSpans: Scope[] }[];
  resourceMetrics?: { scopeMetrics: Scope[] }[];
}

/** Stands in for a collector of OpenTelemetry: receives OTLP as JSON over HTTP. */
export class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  readonly #points = new Map<string, Point>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    this.#take(await request.json());
    return Response.json({});
  });

  /** A command that runs another one with the environment in which it exports to here. */
  get wrapper(): string[] {
    return [
      "env",
      "OTEL_DENO=true",
      "OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
      `OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${this.#server.addr.port}`,
    ];
  }

  /** The latest data points. Counters are cumulative. */
  get points(): Point[] {
    return [...this.#points.values()];
  }

  #take({ resourceSpans = [], resourceMetrics = [] }: Export): void {
    const scopes = [
      ...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans),
      ...resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics),
    ];
    for (const { scope, spans = [], metrics = [] } of scopes) {
      if (scope.name !== "wirebench" && scope.name !== "test") continue; // Of the runtime itself.
      for (const { attributes, events, ...span } of spans) {
        this.spans.push({ ...span, attributes: objectOf(attributes), events: events.map(({ name }) => name) });
      }
      for (const { name, unit, sum, histogram } of metrics) {
        const kind = sum === undefined ? "histogram" : sum.isMonotonic ? "counter" : "up-down counter";
        for (const point of (sum ?? histogram)!.dataPoints) {
          const attributes = objectOf(point.attributes);
          const value = Number(point.asDouble ?? point.asInt ?? point.count);
          this.#points.set(JSON.stringify([name, attributes]), { name, unit, kind, value, attributes });
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** The attributes in the order of their names, integers as numbers. */
function objectOf(attributes: Attribute[]): Record<string, unknown> {
  const entries = attributes.map(({ key, value: { intValue, ...value } }) =>
    [key, intValue === undefined ? Object.values(value)[0] : Number(intValue)] as const
  );
  return Object.fromEntries(entries.sort(([one], [other]) => one < other ? -1 : 1));
}
