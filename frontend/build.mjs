// Compiles the styles and scripts into core/static/core. The same sources give the same bytes.
import { mkdir, copyFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "..", "core", "static", "core");
const library = path.join(here, "node_modules", "nhsuk-frontend", "dist", "nhsuk");
const licence =
  "/*! Contains NHS.UK frontend, Copyright (c) 2019 NHS.UK, MIT licence: see NOTICES.md */\n";

// Pictures the library's styles point at (field arrows, the tick's counterpart); the NHS logo is not among them.
const pictures = [
  "nhsuk-icon-arrow-down.svg",
  "nhsuk-icon-arrow-up.svg",
  "nhsuk-icon-arrow-up-down.svg",
  "nhsuk-icon-cross.svg",
];

await mkdir(path.join(out, "images"), { recursive: true });

const styles = sass.compile(path.join(here, "sass", "app.scss"), {
  loadPaths: [path.join(here, "node_modules")],
  style: "compressed",
  quietDeps: true,
});
await writeFile(path.join(out, "app.css"), licence + styles.css.trim() + "\n");

await esbuild.build({
  entryPoints: [path.join(here, "js", "app.js"), path.join(here, "js", "start.js")],
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2019"],
  charset: "utf8",
  legalComments: "none",
  banner: { js: licence.trim() },
});

for (const picture of pictures) {
  await copyFile(
    path.join(library, "assets", "images", picture),
    path.join(out, "images", picture),
  );
}
await copyFile(path.join(here, "images", "favicon.svg"), path.join(out, "images", "favicon.svg"));
