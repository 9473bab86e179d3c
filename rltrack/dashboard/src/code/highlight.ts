/** Code in colours: highlight.js, with the languages that trainings are written in. */

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import diff from "highlight.js/lib/languages/diff";
import ini from "highlight.js/lib/languages/ini";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import makefile from "highlight.js/lib/languages/makefile";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = { bash, cpp, diff, ini, javascript, json, makefile, markdown, python, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

/** HTML of a text, escaped, with a class for each kind of word. */
export function highlighted(text: string, language: string): string {
  return hljs.highlight(text, { language, ignoreIllegals: true }).value;
}
