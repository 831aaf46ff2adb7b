// Records: filter, verify the chain, export.
import { $, call, data, json, named, t, told } from "./common.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const short = data.language.startsWith("zh") ? "zh" : "en";
const form = $("filter");
let rows = [];
let next = null;

function query(after) {
  const given = new FormData(form);
  const wanted = new URLSearchParams();
  for (const name of ["route", "reason", "level"]) if (given.get(name)) wanted.set(name, given.get(name));
  // The field gives minutes without a zone; the record's times are UTC.
  if (given.get("since")) wanted.set("since", `${given.get("since").slice(0, 16)}:00.000Z`);
  if (given.get("until")) wanted.set("until", `${given.get("until").slice(0, 16)}:59.999Z`);
  if (given.get("range") === "all") {
    wanted.set("after", String(after));
    wanted.set("limit", "100");
  } else {
    wanted.set("last", given.get("range"));
    wanted.set("limit", "500");
  }
  return wanted;
}

const label = (name) => t(`records.${name}`);
const spent = (entry) => `${Object.values(entry.timings_ms).reduce((sum, ms) => sum + ms, 0).toFixed(0)} ms`;
const when = (at) => at.slice(0, 19).replace("T", " ");

function row(stored) {
  const { entry } = stored;
  const cell = (name, inside, classes = "") => html`<td data-label=${label(name)} class=${classes}>${inside}</td>`;
  return html`<tr data-seq=${stored.seq}>
    <th scope="row" data-label=${label("seq")} class="num">${stored.seq}</th>
    ${cell("at", when(entry.at), "num")} ${cell("route", named("routes", entry.route))}
    ${cell("reason", named("reasons", entry.reason))}
    ${cell("level", html`<span><span class="tag">${named("levels", entry.level)}</span></span>`)}
    ${cell("region", `${entry.region} · ${entry.language}`)} ${cell("stops", spent(entry), "num")}
    ${cell(
      "details",
      html`<details>
        <summary><code>${stored.record_id}</code></summary>
        ${Object.keys(entry.timings_ms).includes("screen")
          ? html`<p><a href=${`/trace?lang=${short}#record-${stored.record_id}`}>${label("open")}</a></p>`
          : nothing}
        <pre>${JSON.stringify(stored, null, 1)}</pre>
      </details>`,
    )}
  </tr>`;
}

function draw() {
  const all = new FormData(form).get("range") === "all";
  const heads = ["seq", "at", "route", "reason", "level", "region", "stops", "details"];
  $("found").textContent = rows.length ? t("records.found", { n: rows.length }) : t("records.nothing");
  render(
    rows.length
      ? html`<table class="cards">
            <caption>${t("records.caption", { order: label(all ? "oldest_first" : "newest_first") })}</caption>
            <thead><tr>${heads.map((name) => html`<th scope="col">${label(name)}</th>`)}</tr></thead>
            <tbody>${(all ? rows : [...rows].reverse()).map(row)}</tbody>
          </table>
          ${next !== null && all ? html`<button type="button" id="more" @click=${() => load(next)}>${label("more")}</button>` : nothing}`
      : nothing,
    $("entries"),
  );
}

async function load(after) {
  $("problem").textContent = "";
  try {
    const found = await json(`/v1/records?${query(after)}`);
    rows = after ? [...rows, ...found.entries] : found.entries;
    next = found.next_after;
    draw();
  } catch (error) {
    $("problem").textContent = told(error);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  load(0);
});
form.addEventListener("reset", () => setTimeout(() => load(0)));

$("verify").addEventListener("submit", async (event) => {
  event.preventDefault();
  const verdict = $("verdict");
  const head = $("head").value.trim();
  render(html`<p class="hint">${t("records.verifying")}</p>`, verdict);
  try {
    const found = await json(`/v1/records/verify${head ? `?head=${encodeURIComponent(head)}` : ""}`);
    const bad = found.first_bad === null ? t("records.broken_head") : t("records.broken", { n: found.first_bad });
    const good = found.entries ? t("records.sound", { n: found.entries }) : t("records.sound_empty");
    render(
      html`<p class=${found.ok ? "told" : "problem"} data-ok=${String(found.ok)}>${found.ok ? good : bad}</p>
        ${found.signed ? html`<p class="hint">${t("records.signed", { n: found.signed })}</p>` : nothing}
        <p class="hint">${t("records.head_now")}</p>
        <p><code id="head-now">${found.head}</code></p>`,
      verdict,
    );
  } catch (error) {
    render(html`<p class="problem">${told(error)}</p>`, verdict);
  }
});

for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", async () => {
    const format = button.dataset.format;
    button.disabled = true;
    try {
      const blob = await (await call(`/v1/records/export?format=${format}`)).blob();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `cbtguard-record-${new Date().toISOString().slice(0, 10)}.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      $("exported").textContent = t("records.exported");
    } catch (error) {
      $("exported").textContent = told(error);
    }
    button.disabled = false;
  });
}

load(0);
