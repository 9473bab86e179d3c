/** The reports of a project, as the server keeps them for everybody who may see it. */

import { ConflictError, deleteDocument, fetchDocuments, saveDocument, UnreachableError, type Saved } from "../server/api";
import { link } from "../server/link.svelte";
import { withBlock } from "./blocks";

/** What a document of the kind `reports` holds. */
export interface Report {
  title: string;
  /** Markdown with panels, as `blocks.ts` reads it. */
  text: string;
}

export type SavedReport = Saved<Report>;

const TRIES = 4;

export class ReportsStore {
  reports = $state.raw<SavedReport[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);

  constructor(readonly project: string) {}

  /** Fetch, and again when the server comes back, until the function that comes back is called. */
  start(): () => void {
    void this.refresh();
    return link.onRecovery(() => void this.refresh());
  }

  async refresh(): Promise<void> {
    try {
      this.reports = (await fetchDocuments<Report>(this.project, "reports"))
        .filter(({ body }) => typeof body?.title === "string" && typeof body.text === "string")
        .sort((a, b) => b.saved_at - a.saved_at);
      this.problem = null;
    } catch (error) {
      if (error instanceof UnreachableError) link.lost();
      else this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.loaded = true;
    }
  }

  get(id: string): SavedReport | null {
    return this.reports.find((report) => report.id === id) ?? null;
  }

  async add(title: string, text = ""): Promise<SavedReport> {
    const id = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "r").slice(0, 10);
    const report = await saveDocument<Report>(this.project, "reports", id, { title, text }, null);
    await this.refresh();
    return report;
  }

  /** @throws ConflictError: somebody has saved it since the version `was`. */
  async save(id: string, body: Report, was: string): Promise<SavedReport> {
    const saved = await saveDocument<Report>(this.project, "reports", id, body, was);
    this.reports = this.reports.map((report) => (report.id === id ? saved : report));
    return saved;
  }

  /** Put a panel at the end of a report, also when somebody writes on it at the same time. */
  async append(report: SavedReport, block: string): Promise<void> {
    for (let [tries, now] = [1, report]; ; tries++) {
      try {
        await this.save(now.id, { ...now.body, text: withBlock(now.body.text, now.body.text.length, block).text }, now.version);
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || tries === TRIES || !error.now) throw error;
        now = error.now as SavedReport;
      }
    }
  }

  async remove(report: SavedReport): Promise<void> {
    await deleteDocument(this.project, "reports", report.id, report.version);
    await this.refresh();
  }

  /** Put a report back that was removed, under its id. */
  async restore(report: SavedReport): Promise<void> {
    await saveDocument<Report>(this.project, "reports", report.id, report.body, null);
    await this.refresh();
  }
}
