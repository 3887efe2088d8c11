// The rules for the scripts of pages: `make lint-web`.
import {readdirSync, readFileSync} from "node:fs";

const browser = [
  "AbortController", "addEventListener", "clearInterval", "clearTimeout", "console", "createImageBitmap",
  "devicePixelRatio", "document", "fetch", "history", "Image", "localStorage", "location", "Option", "performance",
  "PointerEvent", "requestAnimationFrame", "scrollBy", "scrollY", "sessionStorage", "setInterval", "setTimeout", "URL",
  "URLSearchParams",
  ...["ImageData", "navigator", "self", "Worker"], // of inference/exporting/web_files
];
// Files are joined to scripts: each may use the functions of others.
const scripts = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".js"));
const text = scripts.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf-8")).join("\n");
const shared = [...text.matchAll(/^(?:function|const|let) (\w+)/gm)].map(([, name]) => name);

export default [
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: "script",
      globals: Object.fromEntries([...browser, ...shared].map((name) => [name, "readonly"])),
    },
    linterOptions: {reportUnusedDisableDirectives: "error"},
    rules: {
      "no-undef": "error", "no-unused-vars": ["error", {vars: "local", caughtErrors: "none"}], "no-var": "error",
      "no-redeclare": ["error", {builtinGlobals: false}], "prefer-const": "error", eqeqeq: "error", "no-eval": "error",
      "no-dupe-keys": "error", "no-unreachable": "error", "no-fallthrough": "error", "no-new-func": "error",
      "no-implied-eval": "error", "no-cond-assign": "error", "no-self-compare": "error", "use-isnan": "error",
      "valid-typeof": "error", "array-callback-return": "error",
      // Texts from file names become elements with textContent alone.
      "no-restricted-properties": ["error", ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({property}))],
    },
  },
];
