// Filters the list of tables as one types. Without it the list is whole, and every link works.
"use strict";

const input = document.getElementById("q");
const found = document.getElementById("found");
const entries = Array.from(document.querySelectorAll("[data-entry]"), (entry) => ({
  entry,
  details: entry.querySelector("details"),
  title: (entry.querySelector("h3").textContent + " " + entry.querySelector("[data-text]").textContent).toLowerCase(),
  fields: Array.from(entry.querySelectorAll("[data-field]"), (field) => ({ field, text: field.textContent.toLowerCase() })),
}));
const groups = Array.from(document.querySelectorAll("[data-group]"));

// Every word must be found; `date birth` finds date_of_birth.
const holds = (text, words) => words.every((word) => text.includes(word));

function filter() {
  const words = input.value.toLowerCase().split(/[\s_]+/).filter(Boolean);
  let tables = 0;
  let columns = 0;
  for (const { entry, details, title, fields } of entries) {
    const named = holds(title, words);
    const hits = words.length ? fields.filter(({ text }) => holds(text, words)) : [];
    for (const { field } of fields) field.hidden = hits.length > 0 && !hits.some((hit) => hit.field === field);
    entry.hidden = !named && hits.length === 0;
    details.open = hits.length > 0;
    tables += entry.hidden ? 0 : 1;
    columns += hits.length;
  }
  for (const group of groups) group.hidden = !group.querySelector("[data-entry]:not([hidden])");
  const plural = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
  found.textContent = words.length ? `${plural(tables, "table")}, ${plural(columns, "matching column")}` : "";
}

input.value = new URLSearchParams(location.search).get("q") ?? "";
input.addEventListener("input", filter);
input.form.addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
});
filter();
