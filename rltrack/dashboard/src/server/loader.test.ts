import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PanelFrame } from "./frame";
import { SeriesLoader } from "./loader";
import type { PanelRequest } from "./types";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const request = (key: string, runs = ["a"]): PanelRequest => ({ key, runs, x: "auto", buckets: 100, range: null });

const frame = ({ key, runs }: PanelRequest) =>
  ({ key, series: runs.map((run) => ({ run })) }) as unknown as PanelFrame;

function setUp() {
  const fetch = vi.fn(async (panels: PanelRequest[]) => panels.map(frame));
  const loader = new SeriesLoader(fetch, () => true);
  const receive = () => ({ frame: vi.fn(), problem: vi.fn() });
  return { fetch, loader, receive, settle: () => vi.advanceTimersByTimeAsync(50) };
}

test("charts that mount together share a request", async () => {
  const { fetch, loader, receive, settle } = setUp();
  const [one, two] = [receive(), receive()];
  loader.open(one).ask(request("loss"));
  loader.open(two).ask(request("return"));
  await settle();
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(one.frame).toHaveBeenCalledTimes(1);
  expect(two.frame).toHaveBeenCalledTimes(1);
});

test("the same range asked twice is fetched once", async () => {
  const { fetch, loader, receive, settle } = setUp();
  const chart = loader.open(receive());
  chart.ask(request("loss"));
  await settle();
  chart.ask({ ...request("loss"), range: [0, 1] });
  await settle();
  chart.ask(request("loss"));
  await settle();
  expect(fetch).toHaveBeenCalledTimes(2);
});

test("a change asks again for the charts of that run alone", async () => {
  const { fetch, loader, receive, settle } = setUp();
  loader.open(receive()).ask(request("loss", ["a"]));
  loader.open(receive()).ask(request("return", ["b"]));
  await settle();
  loader.changed(["b"]);
  await settle();
  expect(fetch.mock.calls[1]![0].map(({ key }) => key)).toEqual(["return"]);
});

test("a chart that went away is not asked for", async () => {
  const { fetch, loader, receive, settle } = setUp();
  const chart = loader.open(receive());
  chart.ask(request("loss"));
  chart.close();
  await settle();
  expect(fetch).not.toHaveBeenCalled();
});

test("what the server could not answer is asked for again when it is back", async () => {
  const { fetch, loader, receive, settle } = setUp();
  fetch.mockRejectedValueOnce(new Error("gone"));
  const receiver = receive();
  loader.open(receiver).ask(request("loss"));
  await settle();
  expect(receiver.frame).not.toHaveBeenCalled();
  loader.retry();
  await settle();
  expect(receiver.frame).toHaveBeenCalledTimes(1);
});

test("a change while the answer is on its way is asked for behind it", async () => {
  const { fetch, loader, receive, settle } = setUp();
  let answer = () => {};
  fetch.mockImplementationOnce(
    (panels) => new Promise((resolve) => (answer = () => resolve(panels.map(frame)))),
  );
  const receiver = receive();
  loader.open(receiver).ask(request("loss"));
  await settle();
  loader.changed(["a"]);
  await settle();
  expect(fetch).toHaveBeenCalledTimes(1);
  answer();
  await settle();
  expect(fetch).toHaveBeenCalledTimes(2);
  expect(receiver.frame).toHaveBeenCalledTimes(2);
});

test("a refusal reaches the chart", async () => {
  const fetch = vi.fn().mockRejectedValue(new Error("no such metric"));
  const loader = new SeriesLoader(fetch, () => false);
  const receiver = { frame: vi.fn(), problem: vi.fn() };
  loader.open(receiver).ask(request("loss"));
  await vi.advanceTimersByTimeAsync(50);
  expect(receiver.problem).toHaveBeenCalledWith("no such metric");
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("a chart that is refused takes no other with it", async () => {
  const { loader, receive, settle } = (() => {
    const fetch = vi.fn(async (panels: PanelRequest[]) => {
      if (panels.some(({ key }) => key === "a +")) throw new Error("no expression");
      return panels.map(frame);
    });
    return { loader: new SeriesLoader(fetch, () => false), receive: () => ({ frame: vi.fn(), problem: vi.fn() }), settle: () => vi.advanceTimersByTimeAsync(50) };
  })();
  const [good, bad] = [receive(), receive()];
  loader.open(good).ask(request("loss"));
  loader.open(bad).ask(request("a +"));
  await settle();
  expect(good.frame).toHaveBeenCalledTimes(1);
  expect(good.problem).not.toHaveBeenCalled();
  expect(bad.problem).toHaveBeenCalledWith("no expression");
});
