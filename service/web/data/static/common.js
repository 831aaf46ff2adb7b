// What all pages share: texts, the key, calls to the service, what the tab remembers.
import { html, nothing } from "./vendor/lit-html/lit-html.js";

export const data = JSON.parse(document.getElementById("data").textContent);
export const $ = (id) => document.getElementById(id);

export function t(key, values = {}) {
  const text = data.texts[key];
  if (text === undefined) throw new Error(`no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A word of the API in the page's language; the word itself where there is none. */
export const named = (group, word) => (word ? (data.texts[`${group}.${word}`] ?? word) : "–");

export function say(text) {
  $("said").textContent = text;
}

// --- what the tab remembers ---------------------------------------------------------------------------------

export const tab = {
  get(name, otherwise) {
    try {
      return JSON.parse(sessionStorage.getItem(`cbtguard.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      sessionStorage.setItem(`cbtguard.${name}`, JSON.stringify(value));
    } catch {
      // The tab may remember nothing; the page works all the same.
    }
  },
  drop(name) {
    try {
      sessionStorage.removeItem(`cbtguard.${name}`);
    } catch {
      // As above.
    }
  },
};

// --- the key ------------------------------------------------------------------------------------------------

const KEY = `key.${data.scope}`;
const keyOf = () => tab.get(KEY, null) ?? tab.get("key.any", null);
let asking = null;

function showForget() {
  $("forget-key").hidden = !keyOf();
}

function askKey(problem) {
  asking ??= new Promise((resolve) => {
    const dialog = $("key");
    const field = $("key-value");
    $("key-problem").textContent = problem;
    field.value = "";
    dialog.returnValue = "cancel";
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        const given = dialog.returnValue === "save" ? field.value.trim() : "";
        field.value = "";
        if (given) {
          tab.set(KEY, given);
          tab.set("key.any", given);
        }
        showForget();
        resolve(given || null);
      },
      { once: true },
    );
    dialog.showModal();
    field.focus();
  });
  return asking;
}

$("forget-key").addEventListener("click", () => {
  for (const scope of ["ask", "review", "audit", "any"]) tab.drop(`key.${scope}`);
  showForget();
  say(t("keys.forgotten"));
});
showForget();

// --- calls --------------------------------------------------------------------------------------------------

export class Problem extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/** What to tell somebody of a failure. */
export function told(error) {
  if (!(error instanceof Problem)) return t("errors.offline");
  const own = data.texts[`refusals.${error.code}`];
  if (own) return own;
  if (error.status === 401) return t("keys.missing");
  if (error.status === 413) return t("errors.too_long");
  if (error.code === "input.empty") return t("errors.empty");
  if (error.code === "busy.draining") return t("errors.ending");
  if (error.status === 429 || error.status === 503) return t("errors.busy");
  return `${t("errors.other")} ${t("errors.code", { code: error.code })}`;
}

/** Call the service; a key is asked for where it wants one. Gives the response, raises a Problem. */
export async function call(path, { body, headers = {}, signal, quiet = false } = {}) {
  if (data.keys && !keyOf() && !quiet && !(await askKey(""))) throw new Problem(401, "access.key_missing");
  for (;;) {
    const key = keyOf();
    const sent = { ...headers };
    if (key) sent.Authorization = `Bearer ${key}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
      credentials: "omit",
    });
    if (response.ok) return response;
    const code = response.headers.get("X-Cbtguard-Code") ?? "service.unexpected";
    const refused = response.status === 401 || code === "access.scope";
    if (!refused || quiet) throw new Problem(response.status, code);
    const problem = code === "access.scope" ? t("keys.scope", { scope: data.scope }) : key ? t("keys.unknown") : "";
    tab.drop(KEY);
    if (!(await askKey(problem))) throw new Problem(response.status, code);
  }
}

export const json = async (path, options) => (await call(path, options)).json();

// --- help lines ---------------------------------------------------------------------------------------------

export const regionOf = (code) => data.regions.find((one) => one.code === code) ?? data.regions.at(-1);

/** Where a line is reached; empty where there is nothing to dial or open. */
export function addressOf(line) {
  if (!line.contact) return "";
  if (line.channels.includes("call")) return `tel:${line.contact.replace(/[^\d+*#]/g, "")}`;
  if (line.channels.includes("text")) return `sms:${line.contact.replace(/[^\d+]/g, "")}`;
  return /^https?:\/\//.test(line.contact) ? line.contact : `https://${line.contact}`;
}

export function lineRow(line, name, notes) {
  const address = addressOf(line);
  const web = address.startsWith("https:") || address.startsWith("http:");
  const kind = web ? "web" : address.startsWith("sms:") ? "text" : "call";
  const inside = html`<b>${line.contact || "–"}</b><span>${name}${notes ? html`<small>${notes}</small>` : nothing}</span>`;
  if (!address) return html`<li><span class="line">${inside}</span></li>`;
  return html`<li>
    <a class="line" href=${address} target=${web ? "_blank" : nothing} rel=${web ? "noopener noreferrer" : nothing}
      ><span class="unseen">${t(`lines.${kind}`)} </span>${inside}${web
        ? html`<span class="unseen">${t("talk.open_new_tab")}</span>`
        : nothing}</a>
  </li>`;
}

export const regionLines = (code) => html`<ul class="lines">
  ${regionOf(code).lines.map((line) =>
    lineRow(line, line.name, [line.hours, line.caution, line.stale && t("lines.stale")].filter(Boolean).join(" · ")),
  )}
</ul>`;

export const time = (at) =>
  new Date(at).toLocaleString(data.language, { dateStyle: "short", timeStyle: "medium" });

// The address of the other language keeps the place in the page.
$("other").addEventListener("click", () => {
  $("other").hash = location.hash;
});
