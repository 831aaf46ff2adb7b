// The flow drawn, the path of one turn lit.
import { data, t } from "./common.js";
import { html, svg } from "./vendor/lit-html/lit-html.js";

const { size, stop: box, group, stops, edges } = data.flow;
const [width, height] = box;

const inGroup = (name) => group.holds.includes(name);

/** The stops of a turn in the order of the flow's own, where only their times are known. */
export const inOrder = (names) => Object.keys(stops).filter((name) => names.includes(name));

/** The edges between the stops that ran; a pair that no edge joins is the route of an error. */
function walked(path) {
  const lit = new Set();
  const faults = [];
  const whole = ["start", ...path, "end"];
  const outer = (name) => (inGroup(name) ? group.name : name);
  for (let place = 1; place < whole.length; place += 1) {
    const [from, to] = [whole[place - 1], whole[place]];
    const known = (a, b) => edges.some((edge) => edge.from === a && edge.to === b);
    if (known(from, to)) lit.add(`${from} ${to}`);
    else if (outer(from) !== outer(to) && known(outer(from), outer(to))) lit.add(`${outer(from)} ${outer(to)}`);
    else if (["refer", "hold", "record", "end"].includes(to) && stops[from]) faults.push([from, to]);
  }
  return { lit, faults };
}

/** Where a straight line from the middle of a stop to a point leaves its box. */
function rim([x, y], [toX, toY]) {
  const [dx, dy] = [toX - x, toY - y];
  const scale = Math.min(width / 2 / Math.abs(dx || 1e-9), height / 2 / Math.abs(dy || 1e-9));
  return [x + dx * scale, y + dy * scale];
}

function lineOf(edge) {
  const by = edge.by ?? [];
  const start = edge.from === group.name ? edge.at : stops[edge.from];
  const end = edge.to === group.name ? edge.at : stops[edge.to];
  const first = by[0] ?? end;
  const last = by.at(-1) ?? start;
  let from = edge.from === group.name ? start : rim(start, first);
  let to = edge.to === group.name ? end : rim(end, last);
  if (edges.some((one) => one.from === edge.to && one.to === edge.from)) {
    // Two edges between the same stops run side by side.
    const shift = edge.from < edge.to ? 7 : -7;
    from = [from[0] + shift, from[1]];
    to = [to[0] + shift, to[1]];
  }
  return [from, ...by, to];
}

function arrow(points, classes) {
  const [x, y] = points.at(-1);
  const [fromX, fromY] = points.at(-2);
  const turn = (Math.atan2(y - fromY, x - fromX) * 180) / Math.PI;
  return svg`<g class=${classes}>
    <polyline class="edge" points=${points.map((one) => one.join(",")).join(" ")}></polyline>
    <path class="tip" d="M0 0 L-8 -4.5 L-8 4.5 z" transform=${`translate(${x} ${y}) rotate(${turn})`}></path>
  </g>`;
}

const named = (name) => t(`flow.${name}`);

/** The drawing. @param {string[]} path the stops that ran, in order */
export function flow(path) {
  const { lit, faults } = walked(path);
  const ran = new Set(["start", ...path, "end"]);
  const label = t("trace.flow_label", { path: path.map(named).join(data.language === "en" ? ", " : "、") });
  const [x, y, w, h] = group.box;
  const ordered = [...edges].sort((a, b) => lit.has(`${a.from} ${a.to}`) - lit.has(`${b.from} ${b.to}`));
  return html`<svg class="flow" viewBox=${`0 0 ${size[0]} ${size[1]}`} role="img" aria-label=${label}>
    ${svg`<rect class="group" x=${x} y=${y} width=${w} height=${h} rx="16"></rect>
      <text class="label" x=${x + w - 12} y=${y + 18}>${named(group.name)}</text>`}
    ${ordered.map((edge) => arrow(lineOf(edge), lit.has(`${edge.from} ${edge.to}`) ? "lit" : ""))}
    ${faults.map(([from, to]) => arrow([rim(stops[from], stops[to]), rim(stops[to], stops[from])], "lit fault"))}
    ${Object.entries(stops).map(
      ([name, [cx, cy]]) => svg`<g class=${ran.has(name) ? "lit" : ""} data-stop=${name}>
        <rect class="stop" x=${cx - width / 2} y=${cy - height / 2} width=${width} height=${height}
          rx=${name === "start" || name === "end" ? height / 2 : 9}></rect>
        <text x=${cx} y=${cy}>${named(name)}</text>
      </g>`,
    )}
  </svg>`;
}
