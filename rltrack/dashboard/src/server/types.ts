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
}
