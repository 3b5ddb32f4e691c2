/** Binary search: the index of the last item for which a condition holds, or -1. It must hold for the first items only. */
export function lastIndex<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The index of the span with an offset, or -1. */
export function within(spans: readonly { start: number; end: number | undefined }[], offset: number): number {
  const index = lastIndex(spans, ({ start }) => start <= offset);
  return offset < (spans[index]?.end ?? Infinity) ? index : -1;
}
