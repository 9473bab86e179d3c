/** In which language a file is written, as far as its name says. */

const ENDINGS: Record<string, string> = {
  py: "python", pyi: "python", yaml: "yaml", yml: "yaml", json: "json", sh: "bash", bash: "bash", toml: "ini", ini: "ini",
  cfg: "ini", md: "markdown", cpp: "cpp", cc: "cpp", cu: "cpp", h: "cpp", c: "cpp", patch: "diff", diff: "diff", js: "javascript", ts: "javascript",
};

export function languageOf(path: string): string | null {
  const name = path.split("/").at(-1)!;
  if (/^makefile$/i.test(name)) return "makefile";
  return ENDINGS[/\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""] ?? null;
}
