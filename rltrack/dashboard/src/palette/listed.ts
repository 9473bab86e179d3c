/** What can be found from where one is: what the server says, the pages of the project, and what can be done. */

import type { SearchAnswer } from "../server/types";
import { stopRuns, type Saved } from "../server/api";
import { toast } from "../state/toast.svelte";
import type { Command } from "../state/keys";
import { artifactPath, projectPath, reportPath, runPath, type Route } from "../state/url";
import { sectionsOf } from "../ui/sections";
import { queryOf } from "../views/saved";
import type { Item } from "./items";

export function itemsOf(answer: SearchAnswer | null, commands: Command[], route: Route, open: (metric: string) => void): Item[] {
  const project = "project" in route ? route.project : null;
  const runs = (answer?.runs ?? []).map(runItem);
  return [
    // What fits alike, as all does when nothing is typed, stays in this order.
    ...runs.slice(0, 5),
    ...commands.map(({ says, key, act }): Item => ({ id: `action:${says}`, kind: "action", title: says, key, act })),
    ...(project === null ? [] : sectionsOf(project)).map(
      ({ name, href }): Item => ({ id: `page:${href}`, kind: "page", title: name, detail: project!, href }),
    ),
    { id: "page:/", kind: "page", title: "All projects", href: "/" },
    ...(answer?.projects ?? []).map((name): Item => ({ id: `project:${name}`, kind: "project", title: name, href: projectPath(name), found: true })),
    ...runs,
    ...(answer?.metrics ?? []).map(
      (key): Item => ({ id: `metric:${project}/${key}`, kind: "metric", title: key, detail: project!, act: () => open(key) }),
    ),
    ...(answer?.artifacts ?? []).map(
      ({ name, type }): Item => ({
        id: `artifact:${project}/${name}`,
        kind: "artifact",
        title: name,
        detail: `${type} · ${project}`,
        href: artifactPath(project!, name),
      }),
    ),
  ];
}

/** To ask trainings of those that were found to end. What cannot be taken back waits for a second press. */
export function stopItems(answer: SearchAnswer | null): Item[] {
  return (answer?.runs ?? [])
    .filter(({ state }) => state === "running")
    .map(({ project, id, name }): Item => {
      const stop = async () => {
        const { failed } = await stopRuns(project, [id]);
        toast.tell(failed[0]?.error ?? `${name} was asked to stop`, null, failed.length > 0);
      };
      const act = () => toast.tell(`Stop ${name} for good, as Ctrl-C in its terminal would?`, stop, false, "Stop");
      return { id: `stop:${project}/${id}`, kind: "action", title: `stop ${name}`, detail: project, act, found: true };
    });
}

function runItem(run: SearchAnswer["runs"][number]): Item {
  return {
    id: `run:${run.project}/${run.id}`,
    kind: "run",
    title: run.name,
    detail: [run.project, ...run.why].join(" · "),
    href: runPath(run.project, run.id),
    found: true,
  };
}

/** The reports of a project. */
export function reportItems(project: string | null, reports: Saved<{ title?: string }>[]): Item[] {
  return reports.flatMap(({ id, body: { title } }): Item[] =>
    project === null || typeof title !== "string" ? [] : [{ id: `report:${project}/${id}`, kind: "report", title, detail: project, href: reportPath(project, id) }],
  );
}

/** The saved views of a project. */
export function viewItems(project: string | null, views: Saved<{ name?: string; query?: string }>[]): Item[] {
  return views.flatMap(({ id, body: { name, query } }): Item[] => {
    if (project === null || typeof name !== "string" || typeof query !== "string") return [];
    return [{ id: `view:${project}/${id}`, kind: "view", title: name, detail: project, href: projectPath(project) + queryOf(id, query) }];
  });
}
