// Curves over giant steps, drawn by uPlot: means, single seeds, theory, floors.

import uPlot from './vendor/uPlot.esm.js';
import { colour } from './dom.js';

const HEIGHT = 220;

/**
 * One plot. A series has `values` by step (null where there is none), `stroke`, and as it likes `width`, `dash`, `points`,
 * `stepped`, `errors` (a standard error by step).
 */
export class Curves {
  constructor(container, { label, onstep }) {
    Object.assign(this, { container, label, onstep, series: [], steps: [0, 1], shown: 0 });
    // The size of a plot is set, so that it follows its place and not the other way round.
    new ResizeObserver(() => this.build()).observe(container);
  }

  draw(steps, series, { shown, range } = {}) {
    const same = this.plot && this.series.length === series.length && this.range === String(range)
      && series.every((one, k) => one.stroke === this.series[k].stroke && one.dash === this.series[k].dash && one.stepped === this.series[k].stepped);
    Object.assign(this, { steps, series, shown, limits: range, range: String(range) });
    if (!same) return this.build();
    this.plot.setData(this.data());
  }

  data() {
    return [this.steps, ...this.series.map(({ values }) => this.steps.map((step) => values[step] ?? null))];
  }

  at(step) {
    this.shown = step;
    this.plot?.redraw(false);
  }

  build() {
    const width = this.container.clientWidth;
    if (!width || !this.series.length) return;
    this.plot?.destroy();
    const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
    const series = this.series.map(({ stroke, width: wide = 2, dash, points, stepped, alpha = 1 }) => ({
      stroke, width: wide, dash, alpha, spanGaps: false,
      points: { show: Boolean(points), size: 7, fill: stroke },
      paths: stepped ? uPlot.paths.stepped({ align: 1, extend: true }) : uPlot.paths.linear(),
    }));
    const limits = this.limits;
    this.plot = new uPlot({
      width, height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: false, range: () => [-0.2, this.steps.at(-1) + 0.4] }, y: limits ? { range: () => limits } : { range: spacious } },
      axes: [
        { ...axis, label: 'giant step', labelSize: 20, labelFont: axis.font, size: 28, incrs: [1, 2, 5, 10] },
        { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => Number(tick.toPrecision(4))) },
      ],
      series: [{}, ...series],
      hooks: { draw: [(plot) => this.over(plot)], ready: [(plot) => {
        plot.root.setAttribute('role', 'img');
        plot.root.setAttribute('aria-label', this.label);
        plot.over.addEventListener('click', () => plot.cursor.idx !== null && this.onstep(this.steps[plot.cursor.idx]));
      }] },
    }, this.data(), this.container);
  }

  /** The step that is shown, and standard errors. */
  over(plot) {
    const { ctx } = plot;
    const ratio = window.devicePixelRatio || 1;
    ctx.save();
    const x = plot.valToPos(this.shown, 'x', true);
    ctx.strokeStyle = colour('soft');
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, plot.bbox.top);
    ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    for (const { values, errors, stroke } of this.series) {
      if (!errors) continue;
      ctx.strokeStyle = stroke;
      ctx.lineWidth = 1.5 * ratio;
      for (const step of this.steps) {
        if (!errors[step] || values[step] === undefined) continue;
        const at = plot.valToPos(step, 'x', true);
        ctx.beginPath();
        ctx.moveTo(at, plot.valToPos(values[step] - errors[step], 'y', true));
        ctx.lineTo(at, plot.valToPos(values[step] + errors[step], 'y', true));
        ctx.stroke();
      }
    }
    ctx.restore();
  }
}

/** A range with room above and below, and 0 in it. */
function spacious(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const from = Math.min(0, low);
  const to = Math.max(high, from + 1e-6);
  return [from - (from < 0 ? 0.06 * (to - from) : 0), to + 0.08 * (to - from)];
}
