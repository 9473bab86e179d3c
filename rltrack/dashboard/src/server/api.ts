/** Every request that the dashboard makes. */

import { sendFor } from "./errands";
import { decodeFrame, type PanelFrame } from "./frame";
import type {
  ArtifactCollection, ArtifactDetail, ArtifactFile, Lineage, NamedVersion, StatisticsAnswer, StatisticsRequest,
  EpisodesAnswer, Spark, TraceFile,
  Change, ConsoleAnswer, Edit, Failed, HistogramAnswer, HistogramRequest, ImportanceAnswer, ImportanceRequest, Json, PanelRequest, Project, RunDetail,
  RunMedia, RunsAnswer, SearchAnswer, SweepAnswer, SweepRequest, SweepSummary, TableAnswer, TableRequest,
} from "./types";

/** The server answered, and said no. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly hint: string | null,
    readonly status: number,
    /** All that it told. */
    readonly told: unknown = null,
  ) {
    super(message);
  }
}

/** Nobody answered, or only a proxy in front of the server did. */
export class UnreachableError extends Error {}

async function ask(path: string, init?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new UnreachableError("the server is not answering");
  }
  if (answer.ok) return answer;
  throw refusal(answer.status, await answer.json().catch(() => null));
}

/** What an answer is that is none. */
function refusal(status: number, told: { error?: unknown; hint?: string } | null): Error {
  if (typeof told?.error !== "string") {
    if (status >= 500) return new UnreachableError(`the server is not answering (status ${status})`);
    return new ServerError(`status ${status}`, null, status, told);
  }
  // A session of a team's server has ended: `AccountMenu` goes to where one signs in.
  if (status === 401) dispatchEvent(new Event("rltrackunauthorized"));
  return new ServerError(told.error, told.hint ?? null, status, told);
}

/** The bytes of the answer to a POST, brought by the carrier where that is there. */
async function askBytes(path: string, question: unknown): Promise<ArrayBuffer> {
  const body = JSON.stringify(question);
  const errand = sendFor(path, body);
  if (!errand) return (await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body })).arrayBuffer();
  const brought = await errand;
  if (brought.status === 0) throw new UnreachableError("the server is not answering");
  if (brought.status < 300) return brought.body;
  let told = null;
  try {
    told = JSON.parse(new TextDecoder().decode(brought.body));
  } catch {
    // Only a proxy in front of the server answers without words.
  }
  throw refusal(brought.status, told);
}

async function askJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, { signal, cache: "no-store" })).json();
}

function projectPath(project: string): string {
  return `/api/projects/${encodeURIComponent(project)}`;
}

export async function fetchMeta(signal?: AbortSignal): Promise<{ version: string; root?: string; accounts: boolean }> {
  return askJson("/api/meta", signal);
}

export async function fetchProjects(signal?: AbortSignal): Promise<Project[]> {
  return (await askJson<{ projects: Project[] }>("/api/projects", signal)).projects;
}

/** What fits some words, in all projects at once; `near`: the project that is open. */
export function fetchFound(text: string, near: string | null, signal?: AbortSignal): Promise<SearchAnswer> {
  const asked = new URLSearchParams({ q: text, ...(near !== null && { near }) });
  return askJson(`/api/search?${asked}`, signal);
}

/** All runs of a project, or, with `since`, those that changed after that version. */
export function fetchRuns(project: string, since: number | null, signal?: AbortSignal): Promise<RunsAnswer> {
  return askJson(`${projectPath(project)}/runs${since === null ? "" : `?since=${since}`}`, signal);
}

export function fetchRun(project: string, run: string, signal?: AbortSignal): Promise<RunDetail> {
  return askJson(`${projectPath(project)}/runs/${encodeURIComponent(run)}`, signal);
}

async function post<T>(path: string, body: unknown): Promise<T> {
  const answer = await ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

/** Any request of the pages of accounts: there are as many as things that people do with keys and teams. */
export async function send<T = void>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  const change = { headers: { "content-type": "application/json" }, body: JSON.stringify(body ?? {}) };
  return (await ask(path, { method, cache: "no-store", ...(method === "GET" ? {} : change) })).json();
}

// -- documents: what people write, and no run does --------------------------------------------

/** A document of a project as the server has it. */
export interface Saved<T> {
  id: string;
  /** Another one with every change. */
  version: string;
  saved_at: number;
  /** Who saved it, where one signs in. */
  by: string | null;
  body: T;
}

export type DocumentKind = "views" | "reports" | "colours" | "links";

/** Somebody has saved the document meanwhile. */
export class ConflictError extends Error {
  constructor(
    message: string,
    /** As it is now; null: it is gone. */
    readonly now: Saved<unknown> | null,
  ) {
    super(message);
  }
}

export async function fetchDocuments<T>(project: string, kind: DocumentKind): Promise<Saved<T>[]> {
  return (await askJson<{ documents: Saved<T>[] }>(documentPath(project, kind))).documents;
}

export function fetchDocument<T>(project: string, kind: DocumentKind, id: string): Promise<Saved<T>> {
  return askJson(documentPath(project, kind, id));
}

/**
 * Save a document in the place of the version that was read; null: there is none yet.
 *
 * @throws ConflictError: another one is there.
 */
export function saveDocument<T>(project: string, kind: DocumentKind, id: string, body: T, was: string | null): Promise<Saved<T>> {
  const expected: Record<string, string> = was === null ? { "if-none-match": "*" } : { "if-match": `"${was}"` };
  return changeDocument("PUT", documentPath(project, kind, id), { body }, expected);
}

/** @throws ConflictError: another one is there than the version that was read. */
export function deleteDocument(project: string, kind: DocumentKind, id: string, was: string): Promise<void> {
  return changeDocument("DELETE", documentPath(project, kind, id), {}, { "if-match": `"${was}"` });
}

/** A short id for where a long link leads; the same for the same. */
export async function shortenLink(project: string, link: string): Promise<string> {
  return (await post<Saved<string>>(`${projectPath(project)}/short`, { link })).id;
}

function documentPath(project: string, kind: DocumentKind, id?: string): string {
  return `${projectPath(project)}/documents/${kind}${id === undefined ? "" : `/${encodeURIComponent(id)}`}`;
}

async function changeDocument<T>(method: string, path: string, body: unknown, expected: Record<string, string>): Promise<T> {
  try {
    const headers = { "content-type": "application/json", ...expected };
    return await (await ask(path, { method, headers, body: JSON.stringify(body) })).json();
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 412) throw error;
    throw new ConflictError(error.message, (error.told as { document: Saved<unknown> | null }).document);
  }
}

/** The runs that fit a condition, and the values of fields, of all of them at once. */
export function fetchColumns(
  project: string,
  filter: string | null,
  columns: string[],
): Promise<{ ids: string[]; values: Record<string, Json[]> }> {
  return post(`${projectPath(project)}/query`, { filter, columns, order: [] });
}

/** Change facts of runs; the answer holds the changes that put them back. */
export function editRuns(project: string, changes: Edit[]): Promise<{ undo: Edit[]; failed: Failed[] }> {
  return post(`${projectPath(project)}/edit`, { changes });
}

export function deleteRuns(project: string, runs: string[]): Promise<{ done: string[]; failed: Failed[] }> {
  return post(`${projectPath(project)}/delete`, { runs });
}

export function restoreRuns(project: string, runs: string[]): Promise<{ done: string[]; failed: Failed[] }> {
  return post(`${projectPath(project)}/restore`, { runs });
}

/** Ask trainings to end; they do so as soon as they hear of it, in seconds. */
export function stopRuns(project: string, runs: string[]): Promise<{ done: string[]; failed: Failed[] }> {
  return post(`${projectPath(project)}/stop`, { runs });
}

export function moveRuns(project: string, runs: string[], to: string): Promise<{ done: string[]; failed: Failed[] }> {
  return post(`${projectPath(project)}/move`, { runs, to });
}

/** The lines that a run printed, from a number on of each writer that is known. */
export function fetchConsole(project: string, run: string, after: Record<string, number>): Promise<ConsoleAnswer> {
  const known = encodeURIComponent(JSON.stringify(after));
  return askJson(`${runPath(project, run)}/console?after=${known}`);
}

/** Where a file lies that a run saved. */
export function fileUrl(project: string, run: string, path: string): string {
  return `${runPath(project, run)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** A saved file as text. */
export async function fetchText(project: string, run: string, path: string): Promise<string> {
  return (await ask(`${fileUrl(project, run, path)}?as=text`)).text();
}

function runPath(project: string, run: string): string {
  return `${projectPath(project)}/runs/${encodeURIComponent(run)}`;
}

/** What some runs have logged besides numbers. */
export async function fetchMedia(project: string, runs: string[]): Promise<RunMedia[]> {
  return (await post<{ runs: RunMedia[] }>(`${projectPath(project)}/media`, { runs })).runs;
}

export function fetchHistograms(project: string, asked: HistogramRequest): Promise<HistogramAnswer> {
  return post(`${projectPath(project)}/histograms`, asked);
}

/** A page of rows or groups of a table. */
export function queryTable(project: string, asked: TableRequest): Promise<TableAnswer> {
  return post(`${projectPath(project)}/tables/query`, asked);
}

/** Where all rows of an answer are as a file. */
export function exportUrl(project: string, asked: TableRequest, format: "csv" | "parquet"): string {
  return `${projectPath(project)}/tables/export?format=${format}&ask=${encodeURIComponent(JSON.stringify(asked))}`;
}

/** A logged file, by its address. */
export async function fetchMediaText(url: string): Promise<string> {
  return (await ask(url)).text();
}

export async function fetchMediaJson(url: string): Promise<Json> {
  return (await ask(url)).json();
}

export async function fetchMediaBytes(url: string): Promise<ArrayBuffer> {
  return (await ask(url)).arrayBuffer();
}

export async function fetchSweeps(project: string): Promise<SweepSummary[]> {
  return (await askJson<{ sweeps: SweepSummary[] }>(`${projectPath(project)}/sweeps`)).sweeps;
}

/** A sweep, with those of its trials that changed since a version. */
export function fetchSweep(project: string, sweep: string, since: number): Promise<SweepAnswer> {
  return askJson(`${projectPath(project)}/sweeps/${encodeURIComponent(sweep)}?since=${since}`);
}

/** Pause, resume, stop or cancel a sweep, or one trial of it. */
export function askSweep(project: string, sweep: string, what: SweepRequest, trial?: number): Promise<SweepAnswer> {
  return post(`${projectPath(project)}/sweeps/${encodeURIComponent(sweep)}/ask`, { what, trial: trial ?? null });
}

export function fetchImportances(project: string, asked: ImportanceRequest): Promise<ImportanceAnswer> {
  return post(`${projectPath(project)}/importances`, asked);
}

/** The points of many charts, in the order in which they were asked for. */
export async function fetchSeries(project: string, panels: PanelRequest[]): Promise<PanelFrame[]> {
  return decodeFrame(await askBytes(`${projectPath(project)}/series`, { panels }));
}

// -- artifacts ----------------------------------------------------------------------------------

export async function fetchCollections(project: string): Promise<ArtifactCollection[]> {
  return (await askJson<{ collections: ArtifactCollection[] }>(`${projectPath(project)}/artifacts`)).collections;
}

export function fetchArtifact(project: string, name: string): Promise<ArtifactDetail> {
  return askJson(artifactPath(project, name));
}

export function fetchArtifactFiles(
  project: string,
  name: string,
  version: string,
): Promise<{ count: number; files: ArtifactFile[] }> {
  return askJson(`${artifactPath(project, name)}/${version}/files`);
}

export function fetchLineage(project: string, name: string, version: string): Promise<Lineage> {
  return askJson(`${artifactPath(project, name)}/${version}/lineage`);
}

export function fetchRunArtifacts(
  project: string,
  run: string,
): Promise<{ logged: NamedVersion[]; used: NamedVersion[] }> {
  return askJson(`${runPath(project, run)}/artifacts`);
}

/** Where a file of a version lies. */
export function artifactFileUrl(project: string, name: string, version: string, path: string): string {
  return `${artifactPath(project, name)}/${version}/file/${path.split("/").map(encodeURIComponent).join("/")}`;
}

export async function fetchArtifactText(project: string, name: string, version: string, path: string): Promise<string> {
  return (await ask(`${artifactFileUrl(project, name, version, path)}?as=text`)).text();
}

export interface VersionChange {
  name: string;
  version: string;
  aliases?: string[];
  tags?: string[];
  description?: string | null;
}

/** Change what is said of a version; the answer holds the changes that put it back. */
export function changeVersion(project: string, change: VersionChange): Promise<{ undo: VersionChange[] }> {
  return post(`${projectPath(project)}/artifacts/change`, change);
}

/** Delete versions, or put deleted ones back. */
export function removeVersions(
  project: string,
  how: "delete" | "restore",
  name: string,
  versions: string[],
): Promise<{ done: string[]; failed: { version: string; error: string }[] }> {
  return post(`${projectPath(project)}/artifacts/${how}`, { name, versions });
}

function artifactPath(project: string, name: string): string {
  return `${projectPath(project)}/artifact/${encodeURIComponent(name)}`;
}

export function fetchStatistics(project: string, asked: StatisticsRequest): Promise<StatisticsAnswer> {
  return post(`${projectPath(project)}/statistics`, asked);
}

/** A metric of a project's newest runs in few points; by default the one that says most. */
export function fetchSpark(project: string, metric: string | null): Promise<Spark> {
  return askJson(`${projectPath(project)}/spark${metric === null ? "" : `?metric=${encodeURIComponent(metric)}`}`);
}

export function fetchEpisodes(project: string, run: string, name: string | null): Promise<EpisodesAnswer> {
  return askJson(`${runPath(project, run)}/episodes${name === null ? "" : `?name=${encodeURIComponent(name)}`}`);
}

/** What happened in an episode, at the address that its clip tells. */
export async function fetchTrace(url: string): Promise<TraceFile> {
  return (await ask(url)).json();
}

/** Open the stream of "what changed": of one project, or of the list of projects. */
export function openChanges(
  project: string | null,
  hear: (change: Change) => void,
  lose: () => void,
): { close(): void } {
  const stream = new EventSource(project === null ? "/api/changes" : `${projectPath(project)}/changes`);
  stream.addEventListener("change", (event) => {
    const { version, runs, documents } = JSON.parse(event.data) as Partial<Change> & { version: number };
    hear({ version, runs: runs ?? [], documents: documents ?? [] });
  });
  stream.addEventListener("error", () => {
    // The browser would retry by itself, but not after every kind of failure.
    stream.close();
    lose();
  });
  return { close: () => stream.close() };
}
