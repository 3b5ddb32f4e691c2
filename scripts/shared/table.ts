import { dim } from "@std/fmt/colors";

/** How a table is laid out. */
export interface TableStyle {
  /** Which columns hold numbers, and are flush right. */
  right?: readonly number[];
  /** Whether the heads are dimmed, for a terminal. */
  colors?: boolean;
}

/** Lays rows out in columns; the last one may be of any width, and in colour. */
export function table(heads: string[], rows: string[][], { right = [], colors = false }: TableStyle = {}): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    row.map((cell, column) => {
      if (right.includes(column)) return cell.padStart(widths[column]!);
      return column === row.length - 1 ? cell : cell.padEnd(widths[column]!);
    }).join("  ");
  return [colors ? dim(line(heads)) : line(heads), ...rows.map(line)].join("\n");
}
