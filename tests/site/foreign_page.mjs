// Acts as a web page of another origin: `node foreign_page.mjs ATTEMPTS`, a JSON list of requests. Sends each in every way
// that a page has, and prints the status of each as JSON. `status` is null when there was no answer.
//
// The ways: a simple fetch from another port of this machine (same-site), from another host (cross-site) and from a
// sandboxed frame (`Origin: null`); a form; a beacon without a type; and DNS rebinding, for which the page's own host is
// resolved to 127.0.0.1, so that the page may read the answers.

import { createServer } from "node:http";

import puppeteer from "puppeteer-core";

const FOREIGN_HOST = "evil.example";
const PATIENCE_MS = 5000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // The browser's own check of local addresses must not hide what the platform lets through.
  "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
  `--host-resolver-rules=MAP ${FOREIGN_HOST} 127.0.0.1`,
];
const PAGE = "<!doctype html><title>A foreign page</title><p>Nothing to see here.</p>";

const attempts = JSON.parse(process.argv[2] ?? "[]");
const server = createServer((request, response) => {
  response.writeHead(200, { "content-type": "text/html" });
  response.end(PAGE);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const { port } = server.address();
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
});

const sendSimple = ({ url, method, body }) =>
  fetch(url, { method, mode: "no-cors", credentials: "include", body: method === "GET" ? undefined : body }).then(
    () => "sent",
    (error) => String(error),
  );

const sendFromSandbox = ({ url, method, body }) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  const options = JSON.stringify({ method, mode: "no-cors", body: method === "GET" ? undefined : body });
  frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, ${options})</${"script"}>`;
  document.body.append(frame);
};

const sendForm = ({ url, method, body }) => {
  const frame = document.createElement("iframe");
  frame.name = "answer";
  const form = document.createElement("form");
  Object.assign(form, { action: url, method, enctype: "text/plain", target: frame.name });
  const field = document.createElement("input");
  // A form sends `name=value`: the name holds all of the JSON up to its last quote.
  Object.assign(field, { type: "hidden", name: body.slice(0, -2), value: body.slice(-2) });
  form.append(field);
  document.body.append(frame, form);
  form.submit();
};

const sendBeacon = ({ url, body }) => navigator.sendBeacon(url, new TextEncoder().encode(body));

const sendAndRead = ({ url, method, body }) =>
  fetch(new URL(url).pathname + new URL(url).search, { method, body: method === "GET" ? undefined : body }).then(
    (answer) => answer.text(),
    (error) => String(error),
  );

const pages = { "another port": `http://127.0.0.1:${port}/`, "another host": `http://${FOREIGN_HOST}:${port}/` };
const ways = [
  { way: "fetch from another port", page: pages["another port"], send: sendSimple },
  { way: "fetch from another host", page: pages["another host"], send: sendSimple },
  { way: "fetch from a sandboxed frame", page: pages["another host"], send: sendFromSandbox },
  { way: "form", page: pages["another host"], send: sendForm, postsOnly: true },
  { way: "beacon", page: pages["another host"], send: sendBeacon, postsOnly: true },
];

let count = 0;

// Sends one request from a tab, and waits for its status or its failure.
async function attempt(tab, way, send, { name, url, ...rest }) {
  const target = new URL(url);
  target.searchParams.set("attempt", String((count += 1)));
  const isTarget = (request) => request.url().includes(`attempt=${target.searchParams.get("attempt")}`);
  const outcome = new Promise((resolve) => {
    tab.on("response", (response) => isTarget(response.request()) && resolve({ status: response.status() }));
    tab.on("requestfailed", (request) => isTarget(request) && resolve({ status: null, error: request.failure()?.errorText }));
    setTimeout(() => resolve({ status: null, error: "no answer" }), PATIENCE_MS);
  });
  const read = await tab.evaluate(send, { url: target.href, ...rest });
  const seen = await outcome;
  return { way, name, ...seen, read: typeof read === "string" ? read : "" };
}

async function fromPage({ way, page, send }, request) {
  const tab = await browser.newPage();
  await tab.goto(page);
  const outcome = await attempt(tab, way, send, request);
  await tab.close();
  return outcome;
}

// The page came from the attacker's server; then its name was resolved to 127.0.0.1.
async function rebound(request) {
  const tab = await browser.newPage();
  const own = new URL(request.url);
  own.hostname = FOREIGN_HOST;
  await tab.setRequestInterception(true);
  tab.on("request", (sent) => {
    if (sent.isNavigationRequest()) sent.respond({ status: 200, contentType: "text/html", body: PAGE });
    else sent.continue();
  });
  await tab.goto(`${own.origin}/`);
  const outcome = await attempt(tab, "rebinding", sendAndRead, { ...request, url: own.href });
  await tab.close();
  return outcome;
}

const outcomes = [];
try {
  for (const request of attempts) {
    const able = ways.filter((way) => request.method === "POST" || !way.postsOnly);
    for (const way of able) outcomes.push(await fromPage(way, request));
    outcomes.push(await rebound(request));
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(outcomes, null, 1));
