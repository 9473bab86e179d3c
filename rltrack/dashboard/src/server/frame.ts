/**
 * The bytes of a series answer, as typed-array views without a copy.
 *
 *     header length u32 | JSON header, padded | Float64 columns        little-endian
 */

export interface SeriesFrame {
  run: string;
  count: Float64Array;
  nan: Float64Array;
  pos_inf: Float64Array;
  neg_inf: Float64Array;
  min: Float64Array;
  max: Float64Array;
  mean: Float64Array;
  last: Float64Array;
}

/** What the runs of a group amount to. */
export interface BandFrame {
  group: string;
  /** Of the statistic: `IQM, 95 % CI`. */
  name: string;
  /** How many runs have a value there. */
  count: Float64Array;
  centre: Float64Array;
  low: Float64Array;
  high: Float64Array;
}

/** Points that a rewind hid: where the run went before it went on from an earlier step. */
export interface LeftFrame {
  run: string;
  x: Float64Array;
  y: Float64Array;
}

export interface PanelFrame {
  key: string;
  /** The x axis that the server chose when asked for "auto". */
  x: string;
  exact: boolean;
  bucket_width: number;
  extent: [number, number] | null;
  grid: Float64Array;
  series: SeriesFrame[];
  bands: BandFrame[];
  left: LeftFrame[];
  missing: string[];
}

type Column = "count" | "nan" | "pos_inf" | "neg_inf" | "min" | "max" | "mean" | "last";

interface Header {
  panels: {
    key: string;
    x: string;
    exact: boolean;
    bucket_width: number;
    length: number;
    grid: number;
    extent: [number, number] | null;
    series: ({ run: string } & Record<Column, number>)[];
    bands: { group: string; name: string; count: number; centre: number; low: number; high: number }[];
    left?: { run: string; length: number; x: number; y: number }[];
    missing: string[];
  }[];
}

export function decodeFrame(body: ArrayBuffer): PanelFrame[] {
  const headerBytes = new DataView(body).getUint32(0, true);
  const start = 4 + headerBytes;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, headerBytes))) as Header;

  return header.panels.map((panel) => {
    const column = (offset: number) => new Float64Array(body, start + 8 * offset, panel.length);
    return {
      key: panel.key,
      x: panel.x,
      exact: panel.exact,
      bucket_width: panel.bucket_width,
      extent: panel.extent,
      grid: column(panel.grid),
      series: panel.series.map((series) => ({
        run: series.run,
        count: column(series.count),
        nan: column(series.nan),
        pos_inf: column(series.pos_inf),
        neg_inf: column(series.neg_inf),
        min: column(series.min),
        max: column(series.max),
        mean: column(series.mean),
        last: column(series.last),
      })),
      bands: panel.bands.map((band) => ({
        group: band.group,
        name: band.name,
        count: column(band.count),
        centre: column(band.centre),
        low: column(band.low),
        high: column(band.high),
      })),
      left: (panel.left ?? []).map(({ run, length, x, y }) => ({
        run,
        x: new Float64Array(body, start + 8 * x, length),
        y: new Float64Array(body, start + 8 * y, length),
      })),
      missing: panel.missing,
    };
  });
}
