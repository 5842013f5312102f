// Writes `../assets/live.js` and `../assets/live.css` from the files of this folder: `node build.mjs`.
//
// The modules are joined in the order of their imports, without a bundler: none of them has a name that another one has.
// uPlot is that of the npm package `uplot`, version 1.6.32, in `vendor` with its licence.

import { readFileSync, writeFileSync } from 'node:fs';

const MODULES = ['samples', 'promql', 'units', 'dom', 'history', 'charts', 'panels', 'objectives', 'catalogue', 'downloads', 'stream', 'view', 'main'];

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

function joined(name) {
  const code = read(`${name}.js`).replace(/^import [^;]*;\n/gm, '').replace(/^export /gm, '');
  return `// ${name}.js\n${code.trim()}\n`;
}

const names = new Map();
for (const module of MODULES) {
  for (const [, name] of read(`${module}.js`).matchAll(/^(?:export )?(?:const|function|class) (\w+)/gm)) {
    if (names.has(name)) throw new Error(`${module}.js and ${names.get(name)}.js both have the name ${name}`);
    names.set(name, module);
  }
}

const licence = read('vendor/LICENSE-uPlot').trim().split('\n').map((line) => ` * ${line}`.trimEnd()).join('\n');
const script = `/*\n * uPlot:\n *\n${licence}\n */\n${read('vendor/uPlot.iife.min.js').trim()}\n\n${MODULES.map(joined).join('\n')}`;
const style = `${read('vendor/uPlot.min.css').trim()}\n\n${read('style.css')}`;
const folder = process.argv[2] ?? new URL('../assets/', import.meta.url).pathname;
writeFileSync(`${folder}/live.js`, script);
writeFileSync(`${folder}/live.css`, style);
