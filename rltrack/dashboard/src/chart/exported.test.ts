import { expect, test } from "vitest";
import type { Curve } from "./curves";
import { csvOfLines, vegaOf } from "./exported";
import type { Line } from "./painter";
import { svgOf } from "./picture";

const of = (...values: number[]) => Float64Array.from(values);
const curve: Curve = {
  run: "a", x: of(0, 1, 2), y: of(1, NaN, 3), lo: of(1, NaN, 2), hi: of(1, NaN, 4), told: of(1, Infinity, 3),
  nan: [], nanY: [], posInf: [1], negInf: [],
};
const line: Line = {
  id: "a", run: "a", name: 'ppo, "1" <b>', colour: "#123456", dash: [6, 4], curve, smoothed: null, band: true, stopped: false,
};
const picture = {
  title: "loss & <more>", axis: "_step", lines: [line, { ...line, id: "b", name: "b" }], view: [0, 2] as [number, number],
  y: [0, 4] as [number, number], right: null, log: false, logX: false, width: 600, height: 400,
  ink: "#000", muted: "#777", hairline: "#eee", paper: "#fff",
};

test("the CSV has every point, and names are quoted", () =>
  expect(csvOfLines([line], "_step").split("\r\n")).toEqual([
    "line,id,_step,value,low,high,smoothed",
    '"ppo, ""1"" <b>",a,0,1,1,1,',
    '"ppo, ""1"" <b>",a,1,Infinity,NaN,NaN,',
    '"ppo, ""1"" <b>",a,2,3,2,4,',
    "",
  ]));

test("the SVG is as large as was asked for, and names in it are text", () => {
  const svg = svgOf(picture);
  expect(svg).toMatch(/^<svg [^>]*width="600" height="400"/);
  expect(svg).toContain("loss &amp; &lt;more&gt;");
  expect(svg).toContain("&lt;b&gt;");
  expect(svg).not.toMatch(/<b>|NaN|undefined|Infinity/);
  expect(svg.match(/stroke="#123456" stroke-width="1.6" stroke-dasharray="6 4"/g)).toHaveLength(2);
});

test("on log axes, what has no place is left out", () =>
  expect(svgOf({ ...picture, log: true, logX: true, view: [1, 2], y: [0, 1] })).not.toContain("NaN"));

test("Vega gets JSON without holes: a value that is no number is a gap", () => {
  const spec = JSON.parse(JSON.stringify(vegaOf([line], { title: "t", axis: "_step", log: true, logX: false, width: 1, height: 2 })));
  expect(spec.data.values.map(({ y }: { y: unknown }) => y)).toEqual([1, null, 3]);
  expect(spec.layer.at(-1).encoding.y.scale).toEqual({ type: "log", zero: false });
});
