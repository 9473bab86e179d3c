/** What the server says, as types: the JSON of the HTTP contract. */

export type State = "running" | "finished" | "failed" | "crashed" | "killed" | "preempted";

/** Non-finite floats arrive as the strings "NaN", "Infinity" and "-Infinity". */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Project {
  name: string;
  run_count: number;
  states: Partial<Record<State, number>>;
  last_activity: number | null;
}

export interface Run {
  id: string;
  name: string;
  state: State;
  created_at: number;
  ended_at: number | null;
  duration_s: number;
  heartbeat_at: number | null;
  host: string | null;
  group: string | null;
  job_type: string | null;
  tags: string[];
  notes: string | null;
  /** Colour slot, by order of creation in the project. */
  slot: number;
  last_step: number | null;
  row_count: number;
  /** Rows that were lost; 0 when the run is whole. */
  incomplete: number;
  damage: string[];
  config: { [key: string]: Json };
  summary: { [key: string]: Json };
  metrics: string[];
}

export interface Metric {
  key: string;
  /** The x axis that "auto" stands for. */
  x: string;
  run_count: number;
  /** No chart of it is made by itself: it is there for who searches for it. */
  hidden?: boolean;
}

/** What was found in all projects; metrics and artifacts of the one that is open. */
export interface SearchAnswer {
  /** `why`: what fits of a run besides its name. */
  runs: { project: string; id: string; name: string; state: State; created_at: number; why: string[] }[];
  metrics: string[];
  artifacts: { name: string; type: string }[];
  projects: string[];
}

export interface RunsAnswer {
  project: string;
  version: number;
  removed: string[];
  runs: Run[];
  metrics: Metric[];
}

export interface MediaItem {
  key: string;
  kind: string;
  step: number | null;
  global_step: number | null;
  time: number;
  url: string | null;
  state: "pending" | "ready" | "failed" | "lost";
  error: string | null;
  caption: string | null;
  fps: number | null;
  width: number | null;
  height: number | null;
  frames: number | null;
  bytes: number | null;
  format?: string;
  sample_rate?: number;
  channels?: number;
  duration_s?: number;
  points?: number;
  nodes?: number;
  edges?: number;
  /** Names of classes by their number. */
  classes?: Record<string, string>;
  boxes?: Record<string, BoxSet>;
  masks?: Record<string, MaskFile>;
  /** How a table is drawn. */
  chart?: ChartFacts | null;
}

/** Boxes over a picture, of one name. */
export interface BoxSet {
  box_data: Box[];
  class_labels?: Record<string, string>;
}

export interface Box {
  /** Parts of the size, or pixels. */
  position: { minX: number; maxX: number; minY: number; maxY: number };
  domain?: "pixel";
  class_id: number;
  scores?: Record<string, number>;
  box_caption?: string;
}

export interface MaskFile {
  url: string;
  class_labels?: Record<string, string>;
}

/** A Vega-Lite specification over the rows of a table. */
export interface ChartFacts {
  preset: string;
  fields: Record<string, string>;
  strings: Record<string, string>;
  /** Of one run; null where its preset is not there. */
  spec: { [key: string]: Json } | null;
  /** Of several runs, whose rows have a column `run`. */
  overlay: { [key: string]: Json } | null;
  split_table?: boolean;
}

/** What a run has logged besides numbers. */
export interface RunMedia {
  run: string;
  media: MediaItem[];
  histograms: string[];
}

export interface HistogramRequest {
  key: string;
  runs: string[];
  columns: number;
  bins: number;
  outliers: boolean;
}

/** Histograms of several steps and runs with the same bins and columns. */
export interface HistogramAnswer {
  x: string;
  edges: number[];
  grid: number[];
  /** Values beyond the edges. */
  outside: number;
  runs: { run: string; histograms: number; counts: (number[] | null)[] }[];
  missing: string[];
}

export type TableCondition = string | { column: string; op: string; value?: Json } | TableCondition[];

/** A question about a table; see `server/tables.py`. */
export interface TableRequest {
  key: string;
  runs?: string[];
  /** An object has a step for each run. */
  steps?: "last" | "all" | number | number[] | Record<string, number>;
  join?: { on: string[]; changed: boolean } | null;
  computed?: Record<string, string>;
  filter?: TableCondition | null;
  group?: string[];
  aggregates?: { column: string; fn: string; as?: string; q?: number }[];
  subtotals?: boolean;
  /** Of groups in groups, how many levels are shown; 0 is all. */
  depth?: number;
  /** Groups that are open though folded by `depth`, or folded though open: their values. */
  turned?: Json[][];
  sort?: string[];
  columns?: string[] | null;
  offset?: number;
  limit?: number;
}

export interface TableColumn {
  name: string;
  type: string;
}

export interface TableAnswer {
  total: number;
  offset: number;
  columns: TableColumn[];
  rows: Json[][];
  levels?: number[];
  cut: [number, number][];
  tables: { run: string; step: number; rows: number }[];
  /** The column that tells rows apart, if the table says one. */
  primary_key?: string | null;
  missing: string[];
  took_ms: number;
}

export interface RunEvent {
  time: number;
  level: "warning" | "info";
  message: string;
}

export interface RunDetail extends Run {
  /** The x axis of each metric that "auto" stands for. */
  axes: { [key: string]: string };
  hidden: string[];
  metadata: { [key: string]: Json };
  system_metrics: string[];
  files: SavedFile[];
  media: MediaItem[];
  events: RunEvent[];
}

/** What one chart asks for. */
export interface PanelRequest {
  key: string;
  runs: string[];
  x: string;
  buckets: number;
  range: [number, number] | null;
  /** As many points in each decade of x. */
  log_x?: boolean;
  /** Of the runs' history, or of their machines' samples. */
  stream?: "default" | "system";
  /** Runs by the name of their group; each becomes a line with a band. */
  groups?: Record<string, string[]>;
  centre?: string;
  spread?: string;
  /** Whether the runs of groups are wanted, too. */
  members?: boolean;
}

/** A change of a run's name, notes, group, job type or tags. */
export interface Edit {
  run: string;
  facts: { name?: string; notes?: string | null; group?: string | null; job_type?: string | null; tags?: string[] };
}

/** A run that could not be changed, and why. */
export interface Failed {
  run: string;
  error: string;
}

/** Columns of the lines that a run printed. */
export interface ConsoleAnswer {
  writers: string[];
  /** Lines that were too many to send. */
  left_out: number;
  /** Of the line within its writer. */
  number: number[];
  text: string[];
  time: number[];
  /** Of `writers`. */
  writer: number[];
  error: boolean[];
}

export interface SavedFile {
  path: string;
  bytes: number;
  time: number;
}

export interface Change {
  version: number;
  runs: string[];
  /** Kinds of documents of which some changed. */
  documents: string[];
}

/** All versions of one name. */
export interface ArtifactCollection {
  name: string;
  type: string;
  version_count: number;
  aliases: string[];
  /** Of the newest version, in bytes. */
  size: number;
  /** Files of the newest version. */
  count: number;
  total_size: number;
  newest: number;
  description: string | null;
  updated_at: number;
}

/** A run as an artifact knows it; without name it is gone. */
export interface NamedRun {
  project: string;
  id: string;
  name: string | null;
  state: State | null;
  slot: number | null;
}

export interface ArtifactVersion {
  version: string;
  digest: string;
  size: number;
  count: number;
  created_at: number;
  updated_at: number;
  description: string | null;
  metadata: { [key: string]: Json };
  aliases: string[];
  tags: string[];
  ttl_s: number | null;
  /** Of a link: what it shows. */
  source: string | null;
  step: number | null;
  run: NamedRun | null;
  uses: (NamedRun & { time: number; use_as: string | null })[];
}

export interface ArtifactDetail {
  name: string;
  project: string;
  type: string;
  versions: ArtifactVersion[];
}

export interface ArtifactFile {
  path: string;
  digest: string;
  size: number;
  /** Where it is, if it stays elsewhere. */
  ref: string | null;
  type: string | null;
}

/** A version, told in short. */
export interface NamedVersion {
  project: string;
  name: string;
  version: string;
  type: string;
  aliases: string[];
  size: number;
  count: number;
  created_at: number;
  digest: string;
}

export type LineageNode =
  | { id: string; kind: "run"; run: NamedRun }
  | { id: string; kind: "version"; version: NamedVersion };

export interface Lineage {
  nodes: LineageNode[];
  edges: [string, string][];
  left_out: boolean;
}

/** A number and the ends of its interval. */
export type Interval = [point: number, low: number, high: number];

export interface StatisticsRequest {
  metric: string | null;
  take: "mean_of_last" | "last" | "max" | "min";
  last: number;
  /** The key of config that names the task. */
  task: string | null;
  but: string[];
  limits: null | "observed" | Record<string, [number, number]>;
  threshold: number;
  crashed: "count" | "leave out";
  chosen: string[] | null;
  baseline: string | null;
}

export interface ScoredRun {
  id: string;
  name: string;
  state: State;
  slot: number;
  task: string;
  score: number | string;
  counts: boolean;
  why: string | null;
}

export interface ScoredGroup {
  name: string;
  /** Of each task, whose scores count. */
  n_runs: number;
  n_all: number;
  runs: ScoredRun[];
  /** Too few runs to say much. */
  few: boolean;
  intervals: Partial<Record<"iqm" | "median" | "mean" | "optimality_gap", Interval>>;
  profile: { share: number[]; low: number[]; high: number[] } | null;
  curve: { centre: (number | string)[]; low: (number | string)[]; high: (number | string)[]; count: number[] } | null;
  /** How likely a run of it has more than one of the baseline. */
  versus: Interval | null;
}

export interface StatisticsAnswer {
  metric: string | null;
  metrics: string[];
  /** Of config, that can name a task. */
  keys: string[];
  experiments: { name: string; n_runs: number }[];
  chosen: string[];
  groups: ScoredGroup[];
  tasks?: string[];
  limits?: Record<string, [number, number]> | null;
  thresholds: number[];
  grid: number[];
  x: string | null;
  baseline: string | null;
  warnings: string[];
  python: string;
}

export type SweepState = "PENDING" | "RUNNING" | "PAUSED" | "FINISHED" | "CANCELED";
export type TrialState = "running" | "finished" | "failed" | "stopped" | "lost" | "queued";
export type SweepRequest = "pause" | "resume" | "stop" | "cancel";

export interface SweepSummary {
  id: string;
  name: string;
  description: string | null;
  project: string;
  method: string;
  metric: string | null;
  goal: "minimize" | "maximize" | null;
  state: SweepState;
  reason: string | null;
  created_at: number;
  counts: Partial<Record<TrialState, number>>;
  live_agents: number;
  best: { trial: number; run: string; value: number | null } | null;
}

export interface SweepAnswer extends SweepSummary {
  version: number;
  /** Whether the project of its runs is there yet. */
  has_runs: boolean;
  /** Whether all trials are told, and not only those that changed. */
  whole: boolean;
  /** The config, as it was given. */
  text: string;
  path: string;
  command: string;
  early_terminate: string | null;
  run_cap: number | null;
  /** How many trials there will be; null: there is no end. */
  expected: number | null;
  parameters: { name: string; kind: string; log: boolean; constant: boolean }[];
  metrics: { name: string; goal: "minimize" | "maximize"; target: number | null }[];
  agents: SweepAgent[];
  trials: SweepTrial[];
}

export interface SweepAgent {
  name: string;
  host: string;
  pid: number;
  began_at: number;
  beat_s: number;
  state: "alive" | "gone" | "dead";
  running: number[];
  reason: string | null;
}

export interface SweepTrial {
  number: number;
  attempt: number;
  run: string;
  agent: string;
  state: TrialState;
  asked: SweepRequest | null;
  reason: string | null;
  parameters: { [key: string]: Json };
  values: number[] | null;
  started_at: number;
  ended_at: number | null;
  /** The trial whose weights it copied. */
  exploited: number | null;
}

/** Rows of parameters, and what came of them. */
export interface ImportanceRequest {
  columns: { [key: string]: Json[] };
  values: (number | null)[];
  metric: string;
  method: "forest" | "fanova" | "ped_anova";
  goal: "minimize" | "maximize";
}

export interface ImportanceAnswer {
  method: string;
  count: number;
  caution: string | null;
  parameters: { name: string; importance: number; correlation: number | null }[];
}

/** A video of an episode, or only its trace, with what is known of the episode. */
export interface Clip {
  /** Its place in the columns of episodes; null if it was logged by itself. */
  row: number | null;
  key: string;
  step: number | null;
  global_step: number | null;
  time: number;
  url: string | null;
  state: "pending" | "ready" | "failed" | "lost";
  error: string | null;
  trace: string | null;
  caption: string | null;
  fps: number | null;
  frames: number | null;
  width: number | null;
  height: number | null;
  return: number | string | null;
  length: number | null;
  number: number | null;
  seed: number | null;
  env: number | null;
}

export interface Distribution {
  edges: number[];
  counts: number[];
  mean: number;
  median: number;
}

export interface EpisodesAnswer {
  names: string[];
  name: string | null;
  total: number;
  columns: { [name: string]: Json[] };
  distributions: { return?: Distribution | null; length?: Distribution | null };
  clips: Clip[];
}

/** What happened at each timestep of an episode; see `rltrack.media.trace`. */
export interface TraceFile {
  timesteps: number;
  /** Of each frame of the video, after how many timesteps it was drawn. */
  frames: number[];
  columns: { [name: string]: Json[] };
}

export interface Spark {
  metric: string | null;
  metrics: string[];
  lines: { slot: number; points: [number, number][] }[];
}
