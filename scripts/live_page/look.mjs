// Look at pages as browser.py asks on standard input, in JSON: {chromium, looks: [{url, theme, width, height, init, steps, picture,
// axe}]}. `init` runs before the page's own scripts; a step presses, types, waits for milliseconds
// or until a script is true (a minute at most), runs a script, tells Chromium something ({tell: method, given}),
// puts another tab before the page, or not any more ({behind}), stops all of Chromium's processes for milliseconds ({stop}), or measures the page after a collection of garbage ({measure: true}).
// Answers with {complaints, requests, axe, answers} for each look: what the page complained of, every address it asked for,
// what axe found, and what each script and measurement returned.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const { chromium, looks } = JSON.parse(await text(process.stdin));

async function look(browser, { url, theme, width, height = 900, init, steps = [], picture, axe, full = true, scale = 1 }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const complaints = [], requests = [], answers = [];
  let other = null;
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => ['error', 'warn'].includes(message.type()) && complaints.push(message.text()));
  page.on('request', (request) => requests.push(request.url()));
  await page.setViewport({ width, height, deviceScaleFactor: scale, hasTouch: width < 600, isMobile: width < 600 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  const chromium = await page.createCDPSession();
  await chromium.send('Performance.enable');
  if (init) {
    await page.evaluateOnNewDocument(init);
  }
  await page.goto(url);
  await new Promise((settled) => setTimeout(settled, 700));
  for (const step of steps) {
    if (step.type !== undefined) {
      await page.type(step.into, step.type);
    } else if (step.press) {
      await page.keyboard.press(step.press);
    } else if (step.wait) {
      await new Promise((settled) => setTimeout(settled, step.wait));
    } else if (step.until) {
      await page.waitForFunction(step.until, { polling: 100, timeout: 60000 });
    } else if (step.tell) {
      await chromium.send(step.tell, step.given ?? {});
    } else if (step.behind !== undefined) {
      other ??= await context.newPage();
      await (step.behind ? other : page).bringToFront();
    } else if (step.stop) {
      process.kill(-browser.process().pid, 'SIGSTOP');
      await new Promise((settled) => setTimeout(settled, step.stop));
      process.kill(-browser.process().pid, 'SIGCONT');
    } else if (step.measure) {
      answers.push(await measured(chromium));
    } else {
      answers.push(await page.evaluate(step.script));
    }
  }
  let found = null;
  if (axe) {
    await page.evaluate(AXE); // through the debugger, where the page's own policy does not reach
    const { violations } = await page.evaluate(() => axe.run(document));
    found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
  }
  if (picture) {
    await page.screenshot({ path: picture, fullPage: full });
  }
  await context.close();
  return { complaints, requests, axe: found, answers };
}

/** What is left once collecting garbage twice frees no more nodes: those of the last drawing are freed a moment later. */
async function measured(chromium) {
  let last = null;
  for (let turn = 0; turn < 20; turn += 1) {
    await chromium.send('HeapProfiler.collectGarbage');
    const { metrics } = await chromium.send('Performance.getMetrics');
    const found = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    if (last !== null && found.Nodes >= last.Nodes) {
      return found;
    }
    last = found;
    await new Promise((settled) => setTimeout(settled, 300));
  }
  return last;
}

const browser = await puppeteer.launch({ executablePath: chromium, protocolTimeout: 600000, args: ['--no-sandbox', '--hide-scrollbars', '--ignore-certificate-errors'] });
try {
  const seen = [];
  for (const each of looks) {
    seen.push(await look(browser, each));
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
