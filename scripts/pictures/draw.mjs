// Photograph dashboards as __main__.py asks on standard input, in JSON:
// {url, scrapeSeconds, from, to, chromium, shots: [{dashboard, mode, width, picture}]}; dashboard and picture are paths.

import { createServer } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ICONS = fileURLToPath(new URL('../public/img/icons/', import.meta.resolve('@grafana/ui')));
const FONTS = fileURLToPath(new URL('./files/', import.meta.resolve('@fontsource/inter/package.json')));
/** What a Grafana serves besides the program, by its path there. */
const SERVED = [
  [/^\/public\/img\/icons\/unicons\/sync-slash\.svg$/, () => join(ICONS, 'unicons/sync.svg')], // not published; beside a panel whose query takes more than 2 s
  [/^\/public\/img\/icons\/([\w/-]+\.svg)$/, (name) => join(ICONS, name)],
  [/^\/public\/fonts\/inter\/Inter-Regular\.woff2$/, () => join(FONTS, 'inter-latin-400-normal.woff2')],
  [/^\/public\/fonts\/inter\/Inter-Medium\.woff2$/, () => join(FONTS, 'inter-latin-500-normal.woff2')],
];
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="main.css">
<body><div id="page"></div><script type="module" src="main.js"></script>`;
const SETTLED_MS = 700, PATIENCE_MS = 180000;

const { shots, chromium, ...asked } = JSON.parse(await text(process.stdin));

/** Imports that only Grafana's own bundler resolves: files of its schema without extension, a default export. */
const asGrafanaResolves = {
  name: 'as Grafana resolves',
  setup(bundler) {
    bundler.onResolve({ filter: /^@grafana\/schema\/dist\/.*\.gen$/ }, ({ path }) => ({ path: fileURLToPath(import.meta.resolve(`${path}.js`)) }));
    bundler.onResolve({ filter: /^react-custom-scrollbars-2$/ }, () => ({ path: join(HERE, 'page/scrollbars.js') }));
  },
};

async function bundled(folder) {
  await build({
    entryPoints: [join(HERE, 'page/main.jsx')],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.ttf': 'empty' }, // of an editor that no panel shows
    plugins: [asGrafanaResolves],
    logLevel: 'error',
    logLimit: 5,
  });
}

async function serving(folder) {
  await writeFile(join(folder, 'index.html'), PAGE);
  const server = createServer(async ({ url }, answer) => {
    const file = fileAt(new URL(url, 'http://localhost').pathname, folder);
    try {
      const content = await readFile(file);
      answer.setHeader('content-type', KINDS[extname(file)] ?? 'application/octet-stream').end(content);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

function fileAt(path, folder) {
  for (const [pattern, place] of SERVED) {
    const found = pattern.exec(path);
    if (found) {
      return place(found[1]);
    }
  }
  return join(folder, basename(path) || 'index.html');
}

async function photograph(browser, address, { dashboard, mode, width, picture }) {
  const page = await browser.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(`${message.text()} ${message.stackTrace()[0]?.url ?? ''}`));
  page.on('response', (answer) => answer.ok() || complaints.push(`${answer.status()} ${answer.url()}`));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: mode }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  const drawn = { ...asked, mode, dashboard: JSON.parse(await readFile(dashboard, 'utf8')) };
  await page.evaluateOnNewDocument((given) => { window.drawn = given; }, drawn);
  await page.goto(address, { timeout: PATIENCE_MS });
  await page.waitForNetworkIdle({ idleTime: SETTLED_MS, timeout: PATIENCE_MS });
  const height = Math.ceil(await page.evaluate(() => document.querySelector('#page').scrollHeight));
  await page.setViewport({ width, height });
  await page.waitForNetworkIdle({ idleTime: SETTLED_MS, timeout: PATIENCE_MS });
  await page.screenshot({ path: picture });
  await page.close();
  return complaints;
}

const folder = await mkdtemp(join(tmpdir(), 'pictures-'));
let server, browser;
try {
  await bundled(folder);
  server = await serving(folder);
  browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--force-device-scale-factor=1', '--hide-scrollbars'] });
  for (const shot of shots) {
    const complaints = await photograph(browser, `http://127.0.0.1:${server.address().port}/`, shot);
    console.log(shot.picture);
    for (const complaint of complaints) {
      console.error(`  ${complaint}`);
      process.exitCode = 1;
    }
  }
} finally {
  await browser?.close();
  server?.close();
  await rm(folder, { recursive: true, force: true });
}
