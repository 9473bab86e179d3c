/** The pages of a project, as its navigation names them. */

import { artifactPath, parametersPath, projectPath, reportPath, statisticsPath, sweepPath, type Route } from "../state/url";

export interface Section {
  name: string;
  href: string;
  /** The pages that belong to it. */
  pages: Route["page"][];
}

export function sectionsOf(project: string): Section[] {
  return [
    { name: "Runs", href: projectPath(project), pages: ["project", "run", "compare"] },
    { name: "Statistics", href: statisticsPath(project), pages: ["statistics"] },
    { name: "Sweeps", href: sweepPath(project), pages: ["sweeps"] },
    { name: "Parameters", href: parametersPath(project), pages: ["parameters"] },
    { name: "Artifacts", href: artifactPath(project), pages: ["artifacts"] },
    { name: "Reports", href: reportPath(project), pages: ["reports"] },
  ];
}
