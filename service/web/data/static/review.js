// Review: the queue of held turns, live; approve, replace, take over.
import { $, json, named, t, tab, time, told } from "./common.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const EVERY_MS = 3000;
const places = new Map();
const queue = $("queue");
const reviewer = $("reviewer");
let off = false;

reviewer.value = tab.get("reviewer", "");
reviewer.addEventListener("change", () => tab.set("reviewer", reviewer.value.trim()));

function left(deadline) {
  const seconds = Math.floor((new Date(deadline) - Date.now()) / 1000);
  if (seconds <= 0) return t("review.late");
  const spoken = seconds >= 60 ? t("review.minutes", { n: Math.floor(seconds / 60) }) : t("review.seconds", { n: seconds });
  return t("review.left", { time: spoken });
}

const words = (text, name, classes = "") => html`<div class=${classes}><h3>${name}</h3><p class="words">${text}</p></div>`;

function draw(place) {
  const { item, writing, problem, busy } = place;
  const taken = item.status === "taken_over";
  const button = (act, classes = "") => html`<button type="button" data-act=${act} class=${classes} ?disabled=${busy}
    @click=${() => (act === "replace" ? write(place) : send(place, act))}>${t(`review.${act}`)}</button>`;
  const own = `own-${item.id}`;
  const note = `note-${item.id}`;
  render(
    html`<h2>
        <span class="tag">${named("levels", item.level)}</span> ${named("reasons", item.reason)}
        ${taken ? html`<span class="tag">${t("review.taken_over")}</span>` : nothing}
      </h2>
      <p class="meta">
        ${t("review.opened", { time: time(item.opened_at) })}${taken ? nothing : html` · <span class="num">${left(item.deadline)}</span>`} ·
        ${t("review.talk_turn", { n: item.turn })} · ${item.language} · ${item.region}
        ${item.faults.map((one) => html` · <code>${one}</code>`)}
      </p>
      <div class="columns">
        <div>
          ${words(item.question, t("review.question"))}
          ${item.history.length
            ? html`<details><summary>${t("review.history")} (${item.history.length})</summary>${item.history.map((one) => html`<p class="words">${one}</p>`)}</details>`
            : nothing}
          <details><summary>${t("review.reply")}</summary><p class="words">${item.reply}</p></details>
          ${item.note ? words(item.note, t("review.note")) : nothing}
        </div>
        ${item.draft ? words(item.draft, t("review.draft"), "draft") : html`<p class="hint">${t("review.no_draft")}</p>`}
      </div>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      ${writing
        ? html`<form class="own" @submit=${(event) => { event.preventDefault(); send(place, "replace", $(own).value, $(note).value); }}>
            <label for=${own}>${t("review.own")}</label>
            <textarea id=${own} rows="4" maxlength="4000" required aria-describedby=${`${own}-hint`}></textarea>
            <p id=${`${own}-hint`} class="hint">${t("review.own_hint")}</p>
            <label for=${note}>${t("review.note_label")}</label>
            <input id=${note} maxlength="2000" autocomplete="off">
            <div class="row acts">
              <button type="submit" class="main" ?disabled=${busy}>${t("review.own_send")}</button>
              <button type="button" @click=${() => { place.writing = false; draw(place); place.node.querySelector("[data-act=replace]").focus(); }}>${t("review.own_cancel")}</button>
            </div>
          </form>`
        : html`<div class="row acts">
            ${taken
              ? button("hand_back", "main")
              : [item.draft ? button("approve", "main") : nothing, button("replace"), button("take_over"), button("release")]}
          </div>`}`,
    place.node,
  );
}

function write(place) {
  place.writing = true;
  draw(place);
  place.node.querySelector("textarea").focus();
}

async function send(place, act, text, note) {
  if (place.busy) return;
  place.busy = true;
  place.problem = "";
  draw(place);
  const body = { act, reviewer: reviewer.value.trim() };
  if (text) body.text = text;
  if (note) body.note = note;
  try {
    await json(`/v1/reviews/${place.item.id}`, { body });
    $("told").textContent = t(`review.done_${act}`);
    place.writing = false;
    place.busy = false;
    await look();
    const next = queue.querySelector("button") ?? $("main");
    next.focus();
  } catch (error) {
    place.busy = false;
    place.problem = told(error);
    draw(place);
  }
}

function place(item) {
  let known = places.get(item.id);
  if (!known) {
    const node = document.createElement("article");
    node.className = "card item";
    node.dataset.review = item.id;
    known = { node, writing: false, problem: "", busy: false };
    places.set(item.id, known);
    queue.append(node);
  }
  known.item = item;
  draw(known);
}

function show(items) {
  const here = new Set(items.map((item) => item.id));
  for (const [id, known] of places) {
    if (!here.has(id)) {
      known.node.remove();
      places.delete(id);
    }
  }
  items.forEach(place);
  const count = items.length ? t("review.count", { n: items.length }) : "";
  if ($("count").textContent !== count) $("count").textContent = count;
  $("none").hidden = items.length > 0;
  $("none").textContent = t(off ? "review.closed" : "review.none");
}

async function look(quiet = true) {
  try {
    const { items } = await json("/v1/reviews", { quiet });
    off = false;
    show(items);
    $("live").classList.remove("paused");
    $("live").lastChild.textContent = t("review.live");
  } catch (error) {
    if (error.code === "review.off") {
      off = true;
      show([]);
    } else {
      $("live").lastChild.textContent = t("review.paused");
    }
    $("live").classList.add("paused");
    if (!quiet && !off) $("told").textContent = told(error);
  }
}

async function live() {
  await look(false);
  setInterval(() => {
    if (!document.hidden && !off) look();
  }, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !off) look();
});
live();
