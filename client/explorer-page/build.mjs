/** Builds the page into the Python package, with a digest of its sources and the licences of what it contains. */

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(here, "../src/octcluster/explorer/page");
const GIVEN = ["package.json", "package-lock.json", "tsconfig.json", "build.mjs"];

function listFiles(folder) {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? listFiles(path) : [path]));
}

/** One digest of all sources: of each file's name and content, in the order of their names. */
function digestSources() {
  const files = [...GIVEN.map((name) => join(here, name)), ...listFiles(join(here, "src"))];
  const names = files.map((file) => relative(here, file).replaceAll("\\", "/")).sort();
  const digest = createHash("sha256");
  for (const name of names) {
    digest.update(`${name}\n`);
    digest.update(
      createHash("sha256")
        .update(readFileSync(join(here, name)))
        .digest("hex"),
    );
    digest.update("\n");
  }
  return digest.digest("hex");
}

/** The licences of all packages whose code is in the page. */
function collectLicences(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) folders.add(found[1]);
  }
  return [...folders].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readFileSync(
      join(
        folder,
        readdirSync(folder).find((file) => /^licen[cs]e/i.test(file)),
      ),
      "utf8",
    );
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
}

const sources = digestSources();
const options = {
  bundle: true,
  minify: true,
  target: ["es2022", "chrome110", "firefox115", "safari16.4"],
  absWorkingDir: here,
  legalComments: "none",
  logLevel: "warning",
};
const script = await build({
  ...options,
  entryPoints: ["src/main.tsx"],
  outfile: join(out, "page.js"),
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  banner: { js: `/* The page of octcluster explore; sources sha256 ${sources} */` },
});
await build({ ...options, entryPoints: ["src/page.css"], outfile: join(out, "page.css") });
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "page.html"), readFileSync(join(here, "src/page.html")));
writeFileSync(join(out, "licences.txt"), collectLicences(script.metafile).join("\n----\n\n"));
