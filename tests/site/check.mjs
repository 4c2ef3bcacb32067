// Visits every page of a built site: `node check.mjs SITE [ARTEFACTS]`. Prints what it found as JSON; code 1 when there is a fault.
//
// Every page, narrow and wide: no script error, no console message, no request that fails, no violation of axe's rules for
// WCAG 2.2 AA or of its best practices, no sideways scrolling of the page, no link that leads nowhere. Without scripts: the
// text and the list are there. With scripts: the search finds a column.

import { existsSync } from "node:fs";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";

import puppeteer from "puppeteer-core";

import { serve } from "./server.mjs";

const WIDTHS = [320, 1280];
const HEIGHT = 900;
const PAGES_AT_ONCE = 2;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const [folder, artefacts] = process.argv.slice(2);
if (!folder || !existsSync(join(folder, "index.html"))) {
  console.error("usage: node check.mjs SITE [ARTEFACTS]; SITE has an index.html");
  process.exit(2);
}
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function htmlFiles(at) {
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".html"));
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/")).sort();
}

const faults = [];
const fault = (page, what) => faults.push({ page, what });
const server = await serve(folder);
const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: FLAGS });
const pages = await htmlFiles(folder);
let rules = 0;

function listen(tab, name) {
  tab.on("pageerror", (error) => fault(name(), `script error: ${error.message}`));
  tab.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) fault(name(), `console: ${message.text()}`);
  });
  tab.on("requestfailed", (request) => fault(name(), `request failed: ${request.url()}`));
  tab.on("response", (response) => {
    if (response.status() >= 400) fault(name(), `${response.status()}: ${response.url()}`);
  });
}

// Every details open: what is folded away must hold too.
const unfold = () => document.querySelectorAll("details").forEach((details) => (details.open = true));

async function look(tab, page, width) {
  await tab.setViewport({ width, height: HEIGHT });
  await tab.goto(`${server.address}/${page}`, { waitUntil: "load" });
  for (const open of [false, true]) {
    if (open) await tab.evaluate(unfold);
    const state = `${width} px${open ? ", unfolded" : ""}`;
    const over = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) fault(page, `${state}: the page scrolls sideways by ${over} px`);
  }
  await tab.evaluate(axe);
  const result = await tab.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
  rules = Math.max(rules, result.passes.length + result.violations.length);
  for (const violation of result.violations) {
    const where = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`);
    fault(page, `${width} px: axe ${violation.id} (${violation.nodes.length}): ${violation.help}: ${where.join(" | ")}`);
  }
}

const anchors = new Map();
const links = [];

async function gather(tab, page) {
  const found = await tab.evaluate(() => ({
    ids: Array.from(document.querySelectorAll("[id]"), (element) => element.id),
    links: Array.from(document.querySelectorAll("a[href]"), (link) => link.href),
  }));
  anchors.set(page, new Set(found.ids));
  links.push(...found.links.map((link) => ({ page, link })));
}

function follow() {
  for (const { page, link } of links) {
    const url = new URL(link);
    if (url.origin !== server.address) continue;
    const path = decodeURIComponent(url.pathname.slice(1)) || "index.html";
    const id = decodeURIComponent(url.hash.slice(1));
    if (!existsSync(join(folder, path))) fault(page, `a link leads nowhere: ${path}`);
    else if (id && anchors.has(path) && !anchors.get(path).has(id)) fault(page, `a link leads nowhere: ${path}#${id}`);
  }
}

async function visit(queue) {
  const tab = await browser.newPage();
  let current = "";
  listen(tab, () => current);
  for (let page = queue.shift(); page; page = queue.shift()) {
    current = page;
    for (const width of WIDTHS) await look(tab, page, width);
    await gather(tab, page);
  }
  await tab.close();
}

async function withoutScripts() {
  const tab = await browser.newPage();
  await tab.setJavaScriptEnabled(false);
  for (const page of pages) {
    await tab.goto(`${server.address}/${page}`, { waitUntil: "load" });
    const seen = await tab.$$eval("main h1", (headings) => headings.filter((heading) => heading.checkVisibility()).length);
    if (seen !== 1) fault(page, `without scripts: ${seen} headings of the first level are to be seen`);
  }
  await tab.goto(`${server.address}/tables.html?q=nothing+has+this`, { waitUntil: "load" });
  const entries = await tab.$$eval("[data-entry]", (found) => ({ all: found.length, seen: found.filter((entry) => entry.checkVisibility()).length }));
  if (entries.all === 0 || entries.all !== entries.seen) fault("tables.html", `without scripts: ${entries.seen} of ${entries.all} tables are to be seen`);
  await tab.close();
  return entries.all;
}

async function search(tables) {
  const tab = await browser.newPage();
  listen(tab, () => "tables.html?q=");
  const seen = () => tab.$$eval("[data-entry]", (found) => found.filter((entry) => entry.checkVisibility()).length);
  await tab.goto(`${server.address}/index.html`, { waitUntil: "load" });
  await tab.type("#q", "date of birth");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  const found = await seen();
  const column = await tab.$$eval("[data-field]", (fields) => fields.some((field) => field.checkVisibility() && field.textContent.includes("date_of_birth")));
  if (!(found > 0 && found < tables && column)) fault("tables.html", `the search for a date of birth shows ${found} of ${tables} tables`);
  await tab.evaluate(() => {
    document.getElementById("q").value = "";
    document.getElementById("q").dispatchEvent(new Event("input"));
  });
  if ((await seen()) !== tables) fault("tables.html", "an emptied search does not show all tables");
  await tab.close();
}

async function photograph() {
  await mkdir(artefacts, { recursive: true });
  const tab = await browser.newPage();
  const first = (prefix, wanted) => pages.find((page) => page === wanted) ?? pages.find((page) => page.startsWith(prefix));
  const four = { front: "index.html", table: first("table/", "table/person.html"), source: first("source/", "source/housing-person.html"), day: first("day/") };
  for (const [name, page] of Object.entries(four)) {
    for (const width of WIDTHS) {
      await tab.setViewport({ width, height: HEIGHT });
      await tab.goto(`${server.address}/${page}`, { waitUntil: "load" });
      await tab.screenshot({ path: join(artefacts, `${name}-${width}.png`), fullPage: true });
    }
  }
  await tab.close();
}

try {
  const queue = [...pages];
  await Promise.all(Array.from({ length: PAGES_AT_ONCE }, () => visit(queue)));
  follow();
  await search(await withoutScripts());
  if (artefacts) await photograph();
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify({ pages: pages.length, widths: WIDTHS, axe_rules: rules, links: links.length, faults }, null, 2));
process.exitCode = faults.length ? 1 : 0;
