// Talk: one message after the other, the reply as it is checked.
import { $, call, data, json, lineRow, named, regionLines, regionOf, say, t, tab, told } from "./common.js";
import { createParser } from "./vendor/eventsource-parser/parse.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const MOST = 30;
const LOOK_MS = 4000;
const form = $("ask");
const field = $("text");
let turns = tab.get("turns", []);
let thread = tab.get("thread", null);
let work = null;

function newThread() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  thread = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  tab.set("thread", thread);
}
if (!thread) newThread();

function keep() {
  turns = turns.slice(-MOST);
  tab.set("turns", turns);
}

// --- how it looks -------------------------------------------------------------------------------------------

/** The paragraphs of a text; rows that name a help line become something to tap, word for word. */
function paragraphs(text, lines) {
  return text.split("\n\n").filter((one) => one.trim()).map((paragraph) => {
    const parts = [];
    for (const row of paragraph.replace(/^\n+/, "").split("\n")) {
      const line = lineIn(row, lines);
      const last = parts.at(-1);
      if (line) {
        if (last?.rows) last.rows.push([line, row]);
        else parts.push({ rows: [[line, row]] });
      } else if (last && !last.rows) last.text += `\n${row}`;
      else parts.push({ text: row });
    }
    return parts.map((part) =>
      part.rows
        ? html`<ul class="lines">${part.rows.map(([line, row]) => lineRow(line, restOf(row, line), ""))}</ul>`
        : html`<p>${linked(part.text, lines)}</p>`,
    );
  });
}

const BULLET = /^[·•-]\s*/;
const restOf = (row, line) => row.replace(BULLET, "").slice(line.contact.length).replace(/^[\s:：]+/, "");

function lineIn(row, lines) {
  if (!BULLET.test(row)) return null;
  const rest = row.replace(BULLET, "");
  return lines.find((line) => line.contact && rest.startsWith(line.contact) && !/^[\d-]/.test(rest.slice(line.contact.length))) ?? null;
}

/** A text whose numbers can be tapped. */
function linked(text, lines) {
  const known = lines.filter((line) => line.contact && line.channels.includes("call"));
  if (!known.length) return text;
  const numbers = known.map((line) => line.contact.replace(/[^\d\s-]/g, "")).sort((a, b) => b.length - a.length);
  return text
    .split(new RegExp(`(?<![\\d-])(${numbers.join("|")})(?![\\d-])`))
    .map((piece) => (numbers.includes(piece) ? html`<a href=${`tel:${piece.replace(/[^\d]/g, "")}`}>${piece}</a>` : piece));
}

function piece(one, turn) {
  const lines = one.parts.length ? [] : (turn.answer?.referral?.lines ?? regionOf(turn.region).lines);
  return html`<div class=${one.aside ? "piece aside" : "piece"}>
    ${one.parts.length ? html`<span class="part">${one.parts.map((part) => named("parts", part)).join(" · ")}</span>` : nothing}
    ${paragraphs(one.text, lines)}
  </div>`;
}

const chinese = data.language.startsWith("zh");

function sources(answer) {
  if (!answer?.citations.length) return nothing;
  return html`<section class="sources">
    <h3>${t("talk.sources")}</h3>
    <ul>
      ${answer.citations.map(
        (one) => html`<li>
          ${chinese ? one.title : one.title_en} <span class="tag">${t("talk.evidence")}${chinese ? "：" : ": "}${named("evidence", one.evidence)}</span>
          <details>
            <summary>${t("talk.sources_more")}</summary>
            <ul>${one.sources.map((source) => html`<li lang="en">${source}</li>`)}</ul>
          </details>
        </li>`,
      )}
    </ul>
  </section>`;
}

function shown(turn, number) {
  const answer = turn.answer;
  const notice = answer?.notice && answer.notice !== data.notice ? answer.notice : "";
  const something = turn.pieces.length || turn.problem || turn.stopped;
  return html`<article class="turn">
    <h2 class="unseen">${t("talk.you")}</h2>
    <p class="asked">${turn.question}</p>
    ${something
      ? html`<div class="answer" lang=${answer?.language ?? nothing}>
          <h2 class="unseen">${t("talk.reply")}</h2>
          ${notice ? html`<p class="hint">${notice}</p>` : nothing} ${turn.pieces.map((one) => [
            piece(one, turn),
            one.last_aside ? html`<p class="hint">${t("talk.withdrawn")}</p>` : nothing,
          ])}
          ${turn.stopped ? html`<p class="hint">${t("talk.stopped")}</p>` : nothing}
          ${turn.problem
            ? html`<p>${turn.problem}</p>
                <p>${t("talk.failed_help")}</p>
                ${regionLines(turn.region)}`
            : nothing}
          ${sources(answer)}
        </div>`
      : nothing}
    ${answer?.route === "held" && !turn.deliveries?.length ? html`<p class="after">${t("talk.waiting")}</p>` : nothing}
    ${(turn.deliveries ?? []).map(
      (one) => html`<div class="answer">
        <h3>${one.writer === "reviewer" ? t("talk.from_person") : t("talk.from_draft")}</h3>
        ${paragraphs(one.text, [])}
      </div>`,
    )}
    ${answer
      ? html`<p class="after"><a href=${`/trace?lang=${document.documentElement.lang === "en" ? "en" : "zh"}#turn-${number}`}>${t("talk.path")}</a></p>`
      : nothing}
  </article>`;
}

function draw() {
  render(turns.map((turn, place) => shown(turn, place + 1)), $("log"));
}

const region = $("region");
const reply = $("reply");

function drawHelp() {
  const place = $("help-lines");
  if (!place.dataset.drawn) {
    place.replaceChildren();
    place.dataset.drawn = "yes";
  }
  render(html`<p class="hint">${t("talk.help_region")}${chinese ? "：" : ": "}${regionOf(region.value).name}</p>${regionLines(region.value)}`, place);
}

const choices = tab.get("choices", {});
if (data.regions.some((one) => one.code === choices.region)) region.value = choices.region;
if (choices.reply) reply.value = choices.reply;
for (const one of [region, reply]) {
  one.addEventListener("change", () => {
    tab.set("choices", { region: region.value, reply: reply.value });
    drawHelp();
  });
}

// --- one turn -----------------------------------------------------------------------------------------------

function happened(turn, kind, told) {
  if (kind === "stop") {
    turn.stops.push({ stop: told.stop, ms: told.ms });
    $("stage").textContent = t(`stages.${told.stop}`);
  } else if (kind === "text") {
    add(turn, told);
  } else if (kind === "withdrawn") {
    for (const one of turn.pieces) one.aside = true;
    if (turn.pieces.length) turn.pieces.at(-1).last_aside = true;
  } else if (kind === "answer") {
    turn.answer = told;
  }
  draw();
}

function add(turn, { text, parts = [], early = false }) {
  const last = turn.pieces.at(-1);
  const fresh = !last || last.aside || text.startsWith("\n\n");
  if (!fresh || (early && last && !last.aside && same(last.parts, parts))) {
    last.text += text;
    last.parts = [...new Set([...last.parts, ...parts])];
  } else {
    turn.pieces.push({ text: text.replace(/^\n+/, ""), parts });
  }
}

const same = (a, b) => a.length === b.length && a.every((one, place) => one === b[place]);

/** Bring the newest message to the top, so that its reply is read from its beginning. */
function follow() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("log").lastElementChild.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

async function ask(text) {
  const turn = { question: text, at: new Date().toISOString(), region: region.value, stops: [], pieces: [] };
  const body = { text, thread, region: region.value, language: reply.value };
  work = new AbortController();
  busy(true);
  turns.push(turn);
  $("stage").textContent = t("stages.start");
  draw();
  follow();
  try {
    const response = await call("/v1/ask/stream", { body, signal: work.signal });
    const parser = createParser({ onEvent: (event) => happened(turn, event.event, JSON.parse(event.data)) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) parser.feed(next.value);
    if (turn === turns.at(-1)) follow();
    if (!turn.answer) throw new TypeError("the stream ended early");
    say(t("talk.done"));
  } catch (error) {
    if (work.signal.aborted) turn.stopped = true;
    else {
      turn.problem = told(error);
      field.value ||= text;
    }
  }
  busy(false);
  keep();
  draw();
  watch();
}

function busy(on) {
  $("send").disabled = on;
  $("stop").hidden = !on;
  $("new").disabled = on;
  if (!on) {
    work = null;
    $("stage").textContent = "";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  $("problem").textContent = text ? "" : t("errors.empty");
  if (!text || work) {
    field.focus();
    return;
  }
  field.value = "";
  ask(text);
});
field.addEventListener("keydown", (event) => {
  // While an input method is choosing, Enter belongs to it; on a phone it makes a new line.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  if (matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  form.requestSubmit();
});
$("stop").addEventListener("click", () => work?.abort());
$("new").addEventListener("click", () => {
  turns = [];
  tab.drop("turns");
  newThread();
  draw();
  say(t("talk.started"));
  field.focus();
});

// --- what a person lets through -----------------------------------------------------------------------------

let looking = null;

function waiting() {
  return turns.some((turn) => turn.answer?.review && !turn.deliveries?.length);
}

function watch() {
  if (waiting()) looking ??= setInterval(look, LOOK_MS);
  else {
    clearInterval(looking);
    looking = null;
  }
}

async function look() {
  if (document.hidden) return;
  const asked = thread;
  let found;
  try {
    found = (await json("/v1/deliveries", { headers: { "X-Thread": asked }, quiet: true })).deliveries;
  } catch {
    return; // It is looked at again in a moment.
  }
  if (asked !== thread) return;
  let came = false;
  for (const turn of turns) {
    const own = found.filter((one) => one.review === turn.answer?.review);
    if (own.length > (turn.deliveries?.length ?? 0)) {
      turn.deliveries = own;
      came = true;
    }
  }
  if (came) {
    keep();
    draw();
    watch();
  }
}

draw();
drawHelp();
watch();
