// Trace: the path of a turn of this tab, or of an entry of the record.
import { $, call, data, named, t, tab, told } from "./common.js";
import { flow, inOrder } from "./flow.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const chinese = data.language.startsWith("zh");
const short = chinese ? "zh" : "en";
const turns = tab.get("turns", []).map((turn, place) => ({ ...turn, number: place + 1 })).filter((turn) => turn.answer);

const facts = (rows) => html`<dl class="facts">
  ${rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
</dl>`;

const listed = (rows, none) => (rows.length ? html`<ul>${rows.map((one) => html`<li>${one}</li>`)}</ul>` : html`<p class="hint">${none}</p>`);

/** The message with the evidence of its signals marked. Offsets count characters, not units of UTF-16. */
function marked(text, signals) {
  const characters = [...text];
  const within = characters.map((_, place) => signals.some((one) => one.evidence && one.start <= place && place < one.end));
  const pieces = [];
  characters.forEach((character, place) => {
    if (pieces.length && pieces.at(-1).on === within[place]) pieces.at(-1).text += character;
    else pieces.push({ on: within[place], text: character });
  });
  return html`<p class="words">${pieces.map((one) => (one.on ? html`<mark>${one.text}</mark>` : one.text))}</p>`;
}

function signals(rows) {
  if (!rows.length) return html`<p class="hint">${t("trace.no_signals")}</p>`;
  const label = (name) => t(`trace.${name}`);
  return html`<table class="cards">
    <thead>
      <tr>${["level", "evidence", "why", "detector", "score"].map((one) => html`<th scope="col">${label(one)}</th>`)}</tr>
    </thead>
    <tbody>
      ${rows.map(
        (one) => html`<tr>
          <td data-label=${label("level")}><span class="tag">${named("levels", one.level)}</span></td>
          <td data-label=${label("evidence")}>${one.evidence || "–"}</td>
          <td data-label=${label("why")}>${chinese ? one.reason_zh : one.reason}</td>
          <td data-label=${label("detector")}><span><code>${one.detector}</code> <code>${one.rule}</code></span></td>
          <td data-label=${label("score")} class="num">${one.score.toFixed(2)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function timings(steps) {
  const most = Math.max(...steps.map((one) => one.ms), 0.001);
  const total = steps.reduce((sum, one) => sum + one.ms, 0);
  return html`<table>
    <thead>
      <tr><th scope="col">${t("trace.stop")}</th><th scope="col">${t("trace.ms")}</th><td aria-hidden="true"></td></tr>
    </thead>
    <tbody>
      ${steps.map(
        (one) => html`<tr>
          <th scope="row">${named("flow", one.stop)}</th>
          <td class="num">${one.ms.toFixed(1)}</td>
          <td aria-hidden="true" width="45%">
            <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none"><rect class="all" width="100" height="8"></rect><rect width=${Math.max(0.6, (100 * one.ms) / most)} height="8"></rect></svg>
          </td>
        </tr>`,
      )}
    </tbody>
  </table>
  <p class="hint">${t("trace.total", { ms: total.toFixed(1) })}</p>`;
}

/** @param one { path, steps, facts, asked, signals, faults, redactions, defects, repaired, filled } */
function view(one, choice) {
  const redacted = Object.entries(one.redactions).map(([kind, count]) => html`<code>${kind}</code> × ${count}`);
  const codes = (rows) => rows.map((row) => html`<code>${row}</code>`);
  const parts = (rows) => rows.map((part) => named("parts", part));
  return html`${choice}
    <div class="trace-grid">
      <section class="card" aria-labelledby="h-flow"><h2 id="h-flow">${t("trace.flow")}</h2>${flow(one.path)}</section>
      <div>
        <section class="card"><h2>${t("trace.summary")}</h2>${facts(one.facts)}</section>
        <section class="card">
          <h2>${t("trace.asked")}</h2>
          ${one.asked === null
            ? html`<p class="hint">${t("trace.no_text")}</p>`
            : html`${marked(one.asked, one.signals)}${one.signals.length ? html`<p class="hint">${t("trace.asked_why")}</p>` : nothing}`}
        </section>
        <section class="card"><h2>${t("trace.signals")}</h2>${one.rules ? listed(codes(one.rules), t("trace.no_signals")) : signals(one.signals)}</section>
        <section class="card"><h2>${t("trace.timings")}</h2>${timings(one.steps)}</section>
        <section class="card">
          <h2>${t("trace.redactions")}</h2>${listed(redacted, t("trace.no_redactions"))}
          ${one.defects.length ? html`<h2>${t("trace.defects")}</h2>${listed(codes(one.defects), "")}` : nothing}
          ${one.repaired.length ? html`<h2>${t("trace.repaired")}</h2>${listed(parts(one.repaired), "")}` : nothing}
          ${one.filled.length ? html`<h2>${t("trace.filled")}</h2>${listed(parts(one.filled), "")}` : nothing}
          <h2>${t("trace.faults")}</h2>${listed(codes(one.faults), t("trace.no_faults"))}
        </section>
        ${one.asked === null ? nothing : html`<p class="hint">${t("trace.private")}</p>`}
      </div>
    </div>`;
}

function factsOf(one, level, score, extra) {
  return [
    [t("trace.route"), named("routes", one.route)],
    [t("trace.reason"), named("reasons", one.reason)],
    [t("trace.level"), html`<span class="tag">${named("levels", level)}</span>`],
    [t("trace.score"), score],
    [t("trace.writer"), one.writer],
    [t("trace.attempts"), one.attempts],
    [t("trace.language"), one.language],
    [t("trace.region"), one.region],
    [t("trace.record"), extra ? html`<code>${extra}</code>` : null],
  ];
}

function ofTurn(turn) {
  const answer = turn.answer;
  return {
    path: turn.stops.map((one) => one.stop),
    steps: turn.stops,
    facts: factsOf(answer, answer.risk.level, answer.risk.score.toFixed(2), answer.record_id),
    asked: turn.question,
    signals: answer.risk.signals,
    faults: answer.faults,
    redactions: answer.redactions,
    defects: answer.defects,
    repaired: answer.repaired,
    filled: answer.filled,
  };
}

function ofEntry({ entry, record_id: id }) {
  // The entry is written before its own stop ends, and so has no time of it.
  const path = inOrder([...Object.keys(entry.timings_ms), "record"]);
  return {
    path,
    steps: path.filter((stop) => stop in entry.timings_ms).map((stop) => ({ stop, ms: entry.timings_ms[stop] })),
    facts: factsOf(entry, entry.level, null, id),
    asked: null,
    signals: [],
    rules: entry.rules,
    faults: entry.faults,
    redactions: entry.redactions,
    defects: entry.defects,
    repaired: [],
    filled: [],
  };
}

function choice(current) {
  return html`<div class="bar"><div>
    <label for="which">${t("trace.which")}</label>
    <select id="which" @change=${(event) => { location.hash = `turn-${event.target.value}`; }}>
      ${turns.map((turn) => html`<option value=${turn.number} ?selected=${turn === current}>${t("trace.turn", { n: turn.number })} · ${turn.question.slice(0, 24)}</option>`)}
    </select>
  </div></div>`;
}

function empty() {
  return html`<p class="card calm">${t("trace.empty")} <a href=${`/?lang=${short}`}>${t("trace.empty_link")}</a></p>`;
}

async function open() {
  const hash = decodeURIComponent(location.hash.slice(1));
  const place = $("trace");
  if (hash.startsWith("record-")) {
    try {
      const found = await (await call(`/v1/records/${encodeURIComponent(hash.slice(7))}`)).json();
      render(view(ofEntry(found), nothing), place);
    } catch (error) {
      render(html`<p class="problem">${told(error)}</p>`, place);
    }
    return;
  }
  const current = turns.find((turn) => hash === `turn-${turn.number}`) ?? turns.at(-1);
  render(current ? view(ofTurn(current), choice(current)) : empty(), place);
}

$("trace").replaceChildren();
addEventListener("hashchange", open);
open();
