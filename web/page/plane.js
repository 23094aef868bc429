// The plane of cosines: every neuron as a dot, where it is after a step, and where theory says that it goes.

import { colour, sharp } from './dom.js';

const MOVE = 380;

export class Plane {
  constructor(canvas) {
    Object.assign(this, { canvas, dots: [], from: [], paths: [], names: ['', ''], said: '', moved: 1 });
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  /** Dots `{ x, y, plus }` move from where they were; paths `{ plus, points: [[x, y]…] }` are those of theory, with the point of this step. */
  show({ dots, paths, step, names, said }) {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches || dots.length !== this.dots.length;
    this.from = still ? dots : this.place();
    Object.assign(this, { dots, paths, step, names, said });
    this.canvas.setAttribute('aria-label', said);
    this.began = performance.now();
    this.moved = still ? 1 : 0;
    this.paint();
    if (!still) this.move();
  }

  move() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame((now) => {
      this.moved = Math.min(1, Math.max(0, (now - this.began) / MOVE));
      this.paint();
      if (this.moved < 1) this.move();
    });
  }

  /** Where the dots are at this moment. */
  place() {
    const t = this.moved * this.moved * (3 - 2 * this.moved);
    return this.dots.map((dot, k) => {
      const from = this.from[k] ?? dot;
      return { ...dot, x: from.x + t * (dot.x - from.x), y: from.y + t * (dot.y - from.y) };
    });
  }

  paint() {
    const { context: c, width, height } = sharp(this.canvas);
    if (width < 40) return;
    const middle = { x: width / 2, y: height / 2 };
    const radius = Math.min(width, height) / 2 - 26;
    const x = (value) => middle.x + value * radius;
    const y = (value) => middle.y - value * radius;
    c.clearRect(0, 0, width, height);
    c.lineWidth = 1;
    c.strokeStyle = colour('line');
    for (const part of [0.5, 1]) {
      c.beginPath();
      c.arc(middle.x, middle.y, part * radius, 0, 2 * Math.PI);
      c.stroke();
    }
    c.beginPath();
    c.moveTo(x(-1.06), middle.y);
    c.lineTo(x(1.06), middle.y);
    c.moveTo(middle.x, y(-1.06));
    c.lineTo(middle.x, y(1.06));
    c.stroke();
    c.fillStyle = colour('soft');
    c.font = '12px system-ui, sans-serif';
    c.textAlign = 'right';
    c.fillText(this.names[0], x(1.06), middle.y - 6);
    c.textAlign = 'left';
    c.fillText(this.names[1], middle.x + 6, y(1.06) + 8);
    c.fillText('1', x(1) + 3, middle.y + 14);

    const dots = this.place();
    if (!dots.length && this.said) {
      c.textAlign = 'center';
      c.fillText(this.said, middle.x, y(-1.06) - 8);
    }
    c.globalAlpha = dots.length > 200 ? 0.45 : 0.75;
    for (const { x: a, y: b, plus } of dots) {
      const [at, up] = [x(a), y(b)];
      c.fillStyle = c.strokeStyle = colour(plus ? 'plus' : 'minus');
      c.beginPath();
      if (plus) {
        c.arc(at, up, 4, 0, 2 * Math.PI);
        c.fill();
      } else {
        c.lineWidth = 1.8;
        c.moveTo(at, up - 5);
        c.lineTo(at + 5, up);
        c.lineTo(at, up + 5);
        c.lineTo(at - 5, up);
        c.closePath();
        c.stroke();
      }
    }
    c.globalAlpha = 1;
    c.strokeStyle = colour('theory');
    for (const { points } of this.paths) {
      c.lineWidth = 1.4;
      c.beginPath();
      points.forEach(([a, b], k) => (k ? c.lineTo(x(a), y(b)) : c.moveTo(x(a), y(b))));
      c.stroke();
      const here = points[this.step];
      if (!here) continue;
      c.lineWidth = 2;
      c.beginPath();
      c.arc(x(here[0]), y(here[1]), 8, 0, 2 * Math.PI);
      c.stroke();
    }
  }
}
