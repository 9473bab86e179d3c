/** A report as one file: nothing in it is fetched from anywhere, and nothing in it acts. */

/** What a panel gives to the file: HTML that holds all it needs. */
export type Exporter = (budget: Budget) => Promise<string>;

/** How much may still be put into the file. */
export class Budget {
  /** What had no room. */
  readonly leftOut: string[] = [];

  constructor(public left: number) {}

  /** Whether so many bytes have room; what has not is named. */
  take(bytes: number, name: string): boolean {
    if (bytes > this.left) {
      this.leftOut.push(name);
      return false;
    }
    this.left -= bytes;
    return true;
  }
}

export const MOST_BYTES = 50e6;

const POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";

export const escaped = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

export function dataUrl(type: string, text: string): string {
  return `data:${type};charset=utf-8,${encodeURIComponent(text)}`;
}

/** The content of a file of the server as a link that holds it; null where there is no room for it. */
export async function inlined(url: string, name: string, budget: Budget): Promise<string | null> {
  const answer = await fetch(url);
  if (!answer.ok) {
    budget.leftOut.push(name);
    return null;
  }
  const blob = await answer.blob();
  if (!budget.take(Math.ceil(blob.size / 3) * 4, name)) return null;
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error(`${name} cannot be read`));
    reader.readAsDataURL(blob);
  });
}

/** Pictures in the text that this server has, put into it. */
export async function withPictures(html: string, budget: Budget): Promise<string> {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  for (const picture of parsed.querySelectorAll("img[src]")) {
    const url = new URL(picture.getAttribute("src")!, location.href);
    if (url.protocol === "data:") continue;
    const content = url.origin === location.origin ? await inlined(url.href, picture.getAttribute("alt") || url.pathname, budget) : null;
    if (content) picture.setAttribute("src", content);
    else picture.replaceWith(parsed.createTextNode(`[${picture.getAttribute("alt") || url.href}]`));
  }
  for (const link of parsed.querySelectorAll("a[href]")) {
    const href = link.getAttribute("href")!;
    if (!href.startsWith("#")) link.setAttribute("href", new URL(href, location.href).href);
  }
  return parsed.body.innerHTML;
}

export interface File {
  title: string;
  /** Under the title: of which project, by whom, when. */
  about: string;
  body: string;
  dark: boolean;
  leftOut: string[];
}

export function fileOf({ title, about, body, dark, leftOut }: File): string {
  const missing = leftOut.length ? `<p class="missing">Left out, as there was no room or they could not be read: ${leftOut.map(escaped).join(", ")}.</p>` : "";
  return `<!doctype html>
<html lang="en" class="${dark ? "dark" : "light"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="about">${escaped(about)}</p>
${body}
${missing}
</main>
</body>
</html>
`;
}

const STYLE = `
:root { --ink: #171923; --muted: #5f6472; --line: #e3e5eb; --page: #fff; --sunken: #f4f5f8; --accent: #4b56d2; color-scheme: light; }
.dark { --ink: #e8eaf0; --muted: #9aa0ae; --line: #2c303b; --page: #14161c; --sunken: #1c1f27; --accent: #8f98f5; color-scheme: dark; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.6 Inter, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 40px 20px 80px; }
h1, h2, h3, h4 { line-height: 1.25; }
h1 { margin: 0; font-size: 28px; } h2 { margin: 1.6em 0 .4em; font-size: 20px; } h3 { margin: 1.4em 0 .3em; font-size: 16px; }
a { color: var(--accent); }
.about, .missing, figcaption, summary { color: var(--muted); font-size: 13px; }
figure { margin: 24px 0; overflow-x: auto; }
figcaption { margin-top: 4px; }
svg, img, video { display: block; max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
td.number, th.number { text-align: right; }
pre, code { font: 13px/1.5 "JetBrains Mono", Menlo, Consolas, monospace; }
pre { overflow-x: auto; padding: 12px 14px; border-radius: 8px; background: var(--sunken); }
blockquote { margin: 0; padding-left: 14px; border-left: 3px solid var(--line); color: var(--muted); }
.number-panel b { display: block; font-size: 32px; line-height: 1.2; }
.side { display: flex; flex-wrap: wrap; gap: 12px; }
.side > * { flex: 1 1 240px; min-width: 0; }
@media print { body { font-size: 12px; } main { max-width: none; padding: 0; } details { display: none; } figure { break-inside: avoid; } }
`;
