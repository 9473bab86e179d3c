/** Markdown as HTML without anything that acts. A chunk of its own. */

import DOMPurify from "dompurify";
import { marked } from "marked";

export function safeHtml(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true });
  // Pictures of other places would tell them who reads this; the policy of the page forbids them, too.
  return DOMPurify.sanitize(html, { FORBID_TAGS: ["style", "form", "input", "iframe"], FORBID_ATTR: ["style"] });
}
