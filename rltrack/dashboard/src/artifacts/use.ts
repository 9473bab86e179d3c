/** The lines of Python that use a version. */

export interface Lines {
  title: string;
  text: string;
}

export function linesToUse(project: string, name: string, version: string, files: string[]): Lines[] {
  const address = JSON.stringify(`${project}/${name}:${version}`);
  const first = files[0];
  const lines: Lines[] = [
    {
      title: "In a run, which is then said to have used it",
      text: `import rltrack\n\nwith rltrack.init(project=${JSON.stringify(project)}) as run:\n    folder = run.use_artifact(${address}).download()`,
    },
    {
      title: "Without a run",
      text: `import rltrack\n\nfolder = rltrack.Api().artifact(${address}).download()`,
    },
  ];
  if (first !== undefined) {
    lines.push({
      title: "One file of it",
      text: `import rltrack\n\nartifact = rltrack.Api().artifact(${address})\npath = artifact.get_entry(${JSON.stringify(first)}).download()`,
    });
  }
  lines.push({ title: "In a shell", text: `rltrack artifact get ${shellWord(`${project}/${name}:${version}`)}` });
  return lines;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
