import { expect, test } from "vitest";
import { decodeFrame } from "./frame";

function encode(header: object, columns: number[]): ArrayBuffer {
  let text = JSON.stringify(header);
  while ((4 + text.length) % 8 !== 0) text += " ";
  const body = new ArrayBuffer(4 + text.length + 8 * columns.length);
  new DataView(body).setUint32(0, text.length, true);
  new Uint8Array(body, 4, text.length).set(new TextEncoder().encode(text));
  new Float64Array(body, 4 + text.length).set(columns);
  return body;
}

test("each column is found at its offset", () => {
  const columns = Array.from({ length: 18 }, (_, i) => i);
  const offsets = { count: 2, nan: 4, pos_inf: 6, neg_inf: 8, min: 10, max: 12, mean: 14, last: 16 };
  const [panel] = decodeFrame(
    encode(
      {
        panels: [
          {
            key: "loss", x: "_step", exact: true, bucket_width: 0, length: 2, grid: 0,
            extent: [0, 1], series: [{ run: "a", ...offsets }], missing: ["b"], bands: [],
          },
        ],
      },
      columns,
    ),
  );
  expect([...panel!.grid]).toEqual([0, 1]);
  expect([...panel!.series[0]!.count]).toEqual([2, 3]);
  expect([...panel!.series[0]!.last]).toEqual([16, 17]);
  expect(panel!.missing).toEqual(["b"]);
});

test("a NaN survives the way", () => {
  const offsets = { count: 0, nan: 0, pos_inf: 0, neg_inf: 0, min: 0, max: 0, mean: 0, last: 1 };
  const panel = { key: "k", x: "_step", exact: true, bucket_width: 0, length: 1, grid: 0, extent: null };
  const header = { panels: [{ ...panel, series: [{ run: "a", ...offsets }], missing: [], bands: [] }] };
  expect(decodeFrame(encode(header, [1, NaN]))[0]!.series[0]!.last[0]).toBeNaN();
});

test("an answer without panels is empty", () => expect(decodeFrame(encode({ panels: [] }, []))).toEqual([]));
