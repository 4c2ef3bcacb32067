// Uses the page of `polelake up` as a person does: `node try_page.mjs ADDRESS EVENT`. Prints what it found as JSON; code 1
// when there is a fault.
//
// The event's texts hold markup, which must be shown and not run. The page has no barrier by axe's rules, scrolls nowhere
// sideways, logs nothing, asks no other address, and keeps nothing but its key.

import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import puppeteer from "puppeteer-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDTHS = [320, 1280];

const [address, event] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const faults = [];
// The tests of this page and of the report's site run side by side, and either may be the first to keep a picture.
if (process.env.SCREENSHOTS) await mkdir(process.env.SCREENSHOTS, { recursive: true });
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
});
const tab = await browser.newPage();
const origin = new URL(address).origin;
tab.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
tab.on("dialog", (dialog) => {
  faults.push(`a dialog: ${dialog.message()}`);
  dialog.dismiss();
});
tab.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) faults.push(`console: ${message.text()}`);
});
tab.on("request", (request) => {
  if (!request.url().startsWith(origin)) faults.push(`a request to ${request.url()}`);
});

function expect(what, holds) {
  if (!holds) faults.push(what);
}

async function look(state) {
  for (const width of WIDTHS) {
    await tab.setViewport({ width, height: 900 });
    const over = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(`${state}, ${width} px: the page scrolls sideways by ${over} px`, over <= 0);
    await tab.evaluate(axe);
    const result = await tab.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
    for (const violation of result.violations) {
      const where = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`);
      faults.push(`${state}, ${width} px: axe ${violation.id}: ${violation.help}: ${where.join(" | ")}`);
    }
    if (process.env.SCREENSHOTS) {
      const path = join(process.env.SCREENSHOTS, `try-${state.replaceAll(" ", "-")}-${width}.png`);
      await tab.screenshot({ path, fullPage: true });
    }
  }
}

async function submit(text) {
  await tab.$eval("#text", (area, value) => (area.value = value), text);
  await tab.$eval("#result", (result) => result.replaceChildren());
  await tab.click("button[type=submit]");
  await tab.waitForSelector("#summary", { timeout: 60_000 });
  return tab.$eval("#result", (result) => result.innerText);
}

try {
  await tab.goto(address, { waitUntil: "load" });
  await tab.waitForSelector("#source option", { timeout: 60_000 });
  expect("the address still has the key", (await tab.evaluate(() => location.hash)) === "");
  await look("empty");

  await tab.select("#source", "housing-person");
  let shown = await submit(event);
  expect(`no accepted event: ${shown}`, shown.includes("1 event tried: 1 accepted."));
  expect("markup of the event is not shown as text", shown.includes("<script>alert(1)</script>"));
  expect("markup of the event became an element", (await tab.$$("#result script")).length === 0);
  expect("there is no table person", shown.includes("person_name") && shown.includes("surname"));
  await look("accepted");

  shown = await submit('{"eventType": "<img src=x onerror=alert(2)>"}');
  expect(`no refused event: ${shown}`, shown.includes("1 refused") && shown.includes("422 event."));
  await look("refused");
  shown = await submit("[1");
  expect(`a broken list is not named: ${shown}`, shown.includes("Not read") && shown.includes("event.json"));

  const kept = await tab.evaluate(() => ({
    session: Object.keys(sessionStorage),
    local: Object.keys(localStorage),
    cookies: document.cookie,
  }));
  const isKept = JSON.stringify(kept) === JSON.stringify({ session: ["polelake-try-key"], local: [], cookies: "" });
  expect(`the page keeps ${JSON.stringify(kept)}`, isKept);

  // The tab can be loaded again; without the key there is nothing to see.
  await tab.reload({ waitUntil: "load" });
  await tab.waitForSelector("#source option", { timeout: 60_000 });
  expect("a reload shows what was pasted", (await tab.$eval("#text", (area) => area.value)) === "");
  const other = await (await browser.createBrowserContext()).newPage();
  await other.goto(`${origin}/try`, { waitUntil: "networkidle0" });
  const without = await other.$eval("body", (body) => body.innerText);
  expect(`without the key: ${without}`, without.includes("polelake up") && !without.includes("housing-person"));
} catch (error) {
  faults.push(String(error));
} finally {
  await browser.close();
}
console.log(JSON.stringify({ faults }, null, 1));
process.exit(faults.length > 0 ? 1 : 0);
