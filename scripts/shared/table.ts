import { dim } from "@std/fmt/colors";

/** The style of a table. */
export interface TableStyle {
  /** Columns to align right, by index. */
  right?: readonly number[];
  /** Whether to dim the heads, for a terminal. */
  colors?: boolean;
}

/** Aligns rows in columns. The last column may contain colour codes. */
export function table(heads: string[], rows: string[][], { right = [], colors = false }: TableStyle = {}): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    row.map((cell, column) => {
      if (right.includes(column)) return cell.padStart(widths[column]!);
      return column === row.length - 1 ? cell : cell.padEnd(widths[column]!);
    }).join("  ");
  return [colors ? dim(line(heads)) : line(heads), ...rows.map(line)].join("\n");
}
