// Shows what pasted events become. Whatever an event or a contract says is written as text: nothing of it becomes markup.
// Neither the texts nor the answers are stored; of the address, the key is kept for as long as the tab is open.

const KEY = "polelake-try-key";
const BAD = ["refused", "quarantined", "not-sent"];
const find = (id) => document.getElementById(id);

function readKey() {
  const given = location.hash.slice(1);
  if (/^[0-9a-f]+$/.test(given)) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const key = readKey();

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function ask(path, options = {}) {
  const headers = { ...options.headers, authorization: `Bearer ${key}` };
  const answer = await fetch(`/try/${path}`, { ...options, headers, cache: "no-store" });
  const json = await answer.json();
  return answer.ok ? json : { error: json.detail };
}

function showWarnings(answer) {
  const changed = answer.contracts_changed ?? [];
  const warnings = [];
  if (changed.length > 0) {
    const told =
      "This page reads the contracts as they are now. The platform runs older ones, until it is restarted: " +
      `${changed.join(", ")}.`;
    warnings.push(element("p", told, "problem"));
  }
  find("warnings").replaceChildren(...warnings);
}

async function showSources() {
  const answer = await ask("sources");
  showWarnings(answer);
  if (answer.error) {
    find("warnings").append(element("p", answer.error, "problem"));
    return;
  }
  const options = answer.sources.map(({ name, title }) => {
    const option = element("option", title === name ? name : `${name} – ${title}`);
    option.value = name;
    return option;
  });
  find("source").replaceChildren(...options);
}

// The rows of a table beside each other: a line for each column that one of them has.
function rowsTable(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].sort();
  const table = element("table");
  const head = element("tr");
  head.append(element("th", "Column"), ...rows.map((_, index) => element("th", `Row ${index + 1}`)));
  head.childNodes.forEach((cell) => cell.setAttribute("scope", "col"));
  const lines = columns.map((column) => {
    const line = element("tr");
    const name = element("th", column);
    name.setAttribute("scope", "row");
    line.append(name, ...rows.map((row) => element("td", row[column] ?? "")));
    return line;
  });
  const [thead, tbody] = [element("thead"), element("tbody")];
  thead.append(head);
  tbody.append(...lines);
  table.append(thead, tbody);
  return table;
}

function tables(byName, place) {
  return Object.entries(byName).flatMap(([name, rows]) => {
    const scroll = element("div", undefined, "rows");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `Rows of ${name}, ${place}`);
    scroll.append(rowsTable(rows));
    return [element("h4", name), scroll];
  });
}

function problemText({ status, rule, path, reason }) {
  const where = [status, rule, path].filter((part) => part !== undefined && part !== null && part !== "");
  return where.length > 0 ? `${where.join(" ")}: ${reason}` : reason;
}

function stateParts(event) {
  if (!event.state) return [];
  const withheld = event.state.withheld.map((fault) =>
    element("p", `Withheld, until another event makes the record fit: ${problemText(fault)}`, "problem"),
  );
  const heading = element("h4", "State rows, where no other event states the record");
  if (event.state.restates_rows) return [heading, ...withheld, element("p", "As above, with the record as owner_id.")];
  const rows = tables(event.state.tables, `state of ${event.name}`);
  return [heading, ...withheld, ...(rows.length > 0 ? rows : [element("p", "None.")])];
}

function eventParts(event) {
  const about = [event.name, event.type, event.key && `record ${event.key}`].filter(Boolean).join(", ");
  const heading = element("h3", `${about}: `);
  heading.append(element("span", event.outcome.replace("-", " "), BAD.includes(event.outcome) ? "outcome bad" : "outcome"));
  const problem = event.problem ? [element("p", problemText(event.problem), "problem")] : [];
  const findings = event.findings.map(({ finding, path }) => element("p", `${finding}: ${path}`));
  return [heading, ...problem, ...findings, ...tables(event.tables, event.name), ...stateParts(event)];
}

function summaryText(answer) {
  const counts = [
    [answer.accepted, "accepted"],
    [answer.ignored, "ignored"],
    [answer.not_sent, "not sent"],
    [answer.refused, "refused"],
    [answer.quarantined, "quarantined"],
  ];
  const told = counts.filter(([count]) => count > 0).map(([count, label]) => `${count} ${label}`);
  const more = answer.is_cut ? " There are more, which were not tried." : "";
  const count = answer.events.length;
  return `${count} ${count === 1 ? "event" : "events"} tried: ${told.join(", ")}.${more}`;
}

function showResult(answer) {
  const heading = element("h2", answer.error ? "Not read" : summaryText(answer));
  heading.id = "summary";
  const parts = answer.error ? [element("p", answer.error, "problem")] : answer.events.flatMap(eventParts);
  find("result").replaceChildren(heading, ...parts);
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function tryEvents(submitted) {
  submitted.preventDefault();
  const [file] = find("file").files;
  const headers = { "content-type": "application/octet-stream" };
  if (file) headers["x-file-name"] = base64(file.name);
  if (find("records").checked) headers["x-read-as"] = "records";
  const body = file ? await file.arrayBuffer() : new TextEncoder().encode(find("text").value);
  const answer = await ask(`events/${encodeURIComponent(find("source").value)}`, { method: "POST", headers, body });
  showWarnings(answer);
  showResult(answer);
}

function showFailure(error) {
  showResult({ error: `The platform does not answer: ${error.message}` });
}

find("trial").addEventListener("submit", (submitted) => tryEvents(submitted).catch(showFailure));
showSources().catch(showFailure);
