//! Heat maps: cells that meet half-way between their values, on the scales of the axes.

use kuva::plot::{BandPlot, ColorMap, ContourPlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;

use super::scale::tick_label;
use super::{Axis, Colour, Geometry, Panel, Scale};

/// By how much of the axis a cell reaches under the next one, so that no seam shows between them.
const OVERLAP: f64 = 5e-3;
/// Into how many parts the square between four values is divided for a level line.
const PARTS: u32 = 8;

/// Lower and upper end of the cell around each value: half-way to its neighbours in the coordinate of the axis,
/// and as far beyond the outermost ones.
fn edges(centres: &[f64], scale: Scale) -> Vec<(f64, f64)> {
    let places: Vec<f64> = centres.iter().map(|&value| scale.forward(value)).collect();
    let gap = |from: f64, sign: f64| {
        let beyond = places
            .iter()
            .map(|place| sign * (place - from))
            .filter(|gap| *gap > 0.0);
        beyond.fold(f64::INFINITY, f64::min)
    };
    let half = |gap: f64, other: f64| {
        let gap = if gap.is_finite() { gap } else { other };
        if gap.is_finite() { gap / 2.0 } else { 0.5 }
    };
    let cell = |&place: &f64| {
        let (below, above) = (gap(place, -1.0), gap(place, 1.0));
        (
            scale.backward(place - half(below, above)),
            scale.backward(place + half(above, below)),
        )
    };
    places.iter().map(cell).collect()
}

/// The ranges of both axes that show every cell of the panel's first heat map.
pub(super) fn ranges(panel: &Panel) -> Option<[(f64, f64); 2]> {
    let (x, y) = panel.marks.iter().find_map(|mark| match &mark.geometry {
        Geometry::Heat { x, y, .. } => Some((x, y)),
        _ => None,
    })?;
    let range = |values: &[f64], scale: Scale| {
        let shown: Vec<f64> = values
            .iter()
            .copied()
            .filter(|&value| scale.shows(value))
            .collect();
        let cells = edges(&shown, scale);
        let (low, high) = cells
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |range, cell| {
                (range.0.min(cell.0), range.1.max(cell.1))
            });
        (low < high).then_some((low, high))
    };
    Some([range(x, panel.x.scale)?, range(y, panel.y.scale)?])
}

/// A heat map with the axes it is drawn on.
pub(super) struct Map<'a> {
    pub(super) x: (&'a [f64], &'a Axis, (f64, f64)),
    pub(super) y: (&'a [f64], &'a Axis, (f64, f64)),
    pub(super) values: &'a [Vec<f64>],
    pub(super) scale: Scale,
    /// The values at both ends of the colour bar; those of the cells if absent.
    pub(super) colours: Option<(f64, f64)>,
}

impl Map<'_> {
    /// The coloured cells, grey ones where there is no value, and the colour bar; nothing if there are no values.
    pub(super) fn plots(&self, bar: &str) -> Vec<Plot> {
        let Some((low, high)) = self.range() else {
            return Vec::new();
        };
        // The library has no colour bar by itself; a contour plot of one row is only its bar.
        let range = ContourPlot::new()
            .with_grid(vec![vec![low, high]], vec![0.0, 1.0], vec![0.0])
            .with_filled()
            .with_legend(bar);
        let mut plots = vec![Plot::from(range.with_colormap(ColorMap::Viridis))];
        let [across, up] = [self.x, self.y].map(|(centres, axis, range)| {
            let over = |end: f64| {
                let scale = axis.scale;
                let length = scale.forward(range.1) - scale.forward(range.0);
                scale.backward(scale.forward(end) + OVERLAP * length)
            };
            let cells = edges(centres, axis.scale).into_iter();
            cells
                .map(|(low, high)| (low, over(high).min(range.1)))
                .collect::<Vec<_>>()
        });
        for j in self.order_y() {
            for i in self.order_x() {
                let value = self.values[j][i];
                let colour = if self.scale.shows(value) {
                    let share = (self.scale.forward(value) - low) / (high - low + f64::EPSILON);
                    ColorMap::Viridis.map(share.clamp(0.0, 1.0))
                } else {
                    Colour::GREY.to_string()
                };
                let ((left, right), (bottom, top)) = (across[i], up[j]);
                let cell = BandPlot::new([left, right], [bottom; 2], [top; 2]);
                plots.push(cell.with_color(colour).with_opacity(1.0).into());
            }
        }
        plots
    }

    /// Where the values cross a level, by linear interpolation in the coordinates of axes and colours: a black line
    /// with a white edge, to be seen on every colour. Squares with a missing corner have none.
    pub(super) fn level(&self, level: f64) -> Vec<Plot> {
        let level = self.scale.forward(level);
        let share = |k: u32| f64::from(k) / f64::from(PARTS);
        let mut squares: Vec<ContourPlot> = Vec::new();
        let (columns, rows) = (self.order_x(), self.order_y());
        for row in rows.windows(2) {
            for column in columns.windows(2) {
                let corner =
                    |j: usize, i: usize| self.scale.forward(self.values[row[j]][column[i]]);
                let corners = [corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)];
                let crossed = corners.iter().any(|value| *value >= level)
                    && corners.iter().any(|value| *value < level);
                if !crossed || corners.iter().any(|value| !value.is_finite()) {
                    continue;
                }
                let between = |(centres, axis): (&[f64], &Axis), ends: &[usize], k: u32| {
                    let [low, high] = [0, 1].map(|end| axis.scale.forward(centres[ends[end]]));
                    axis.scale.backward(low + share(k) * (high - low))
                };
                let inside = |j: u32, i: u32| {
                    let along = |a: f64, b: f64| a + share(i) * (b - a);
                    let (low, high) =
                        (along(corners[0], corners[1]), along(corners[2], corners[3]));
                    low + share(j) * (high - low)
                };
                let grid = (0..=PARTS)
                    .map(|j| (0..=PARTS).map(|i| inside(j, i)).collect())
                    .collect();
                let x = (0..=PARTS).map(|k| between((self.x.0, self.x.1), column, k));
                let y = (0..=PARTS).map(|k| between((self.y.0, self.y.1), row, k));
                squares.push(
                    ContourPlot::new()
                        .with_grid(grid, x.collect(), y.collect())
                        .with_levels(&[level]),
                );
            }
        }
        let drawn = |colour: Colour, width: f64| {
            let line = move |square: &ContourPlot| {
                let line = square.clone().with_line_color(colour.to_string());
                Plot::from(line.with_line_width(width))
            };
            squares.iter().map(line).collect::<Vec<_>>()
        };
        let mut plots = drawn(Colour(255, 255, 255), 2.6);
        plots.extend(drawn(Colour::BLACK, 1.2));
        plots
    }

    /// The ends of the colour bar, in its coordinate.
    fn range(&self) -> Option<(f64, f64)> {
        let shown = self
            .values
            .iter()
            .flatten()
            .filter(|value| self.scale.shows(**value))
            .map(|value| self.scale.forward(*value));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |range, value| {
            (range.0.min(value), range.1.max(value))
        });
        let asked = self
            .colours
            .map(|(low, high)| (self.scale.forward(low), self.scale.forward(high)));
        (low <= high).then(|| asked.unwrap_or((low, high)))
    }

    /// The columns with a place on the axis, from left to right.
    fn order_x(&self) -> Vec<usize> {
        ordered(self.x.0, self.x.1.scale)
    }

    /// The rows with a place on the axis, from below.
    fn order_y(&self) -> Vec<usize> {
        ordered(self.y.0, self.y.1.scale)
    }
}

fn ordered(centres: &[f64], scale: Scale) -> Vec<usize> {
    let mut order: Vec<usize> = (0..centres.len())
        .filter(|&i| scale.shows(centres[i]))
        .collect();
    order.sort_by(|&a, &b| centres[a].total_cmp(&centres[b]));
    order
}

/// Labels the colour bar of a logarithmic heat map by its values instead of their logarithms.
pub(super) fn label_bar(layout: Layout, values: &[Vec<f64>], scale: Scale) -> Layout {
    let (low, high) = scale.fit(values.iter().flatten().copied());
    let label = tick_label(scale, low, high);
    let format = move |coordinate| match scale {
        Scale::Linear => label(coordinate),
        Scale::Log10 => label(round_to(scale.backward(coordinate))),
    };
    layout.with_colorbar_tick_format(TickFormat::Custom(std::sync::Arc::new(format)))
}

/// Two significant digits: what a tick between two powers of ten needs.
fn round_to(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 1.0);
    (value / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_meet_half_way_on_the_scale_of_their_axis() {
        assert_eq!(
            edges(&[1.0, 2.0, 6.0], Scale::Linear),
            [(0.5, 1.5), (1.5, 4.0), (4.0, 8.0)]
        );
        let log: Vec<[f64; 2]> = edges(&[1.0, 100.0, 1e6], Scale::Log10)
            .into_iter()
            .map(|cell| [cell.0, cell.1])
            .collect();
        let expected = [[0.1, 10.0], [10.0, 1e4], [1e4, 1e8]];
        for (cell, expected) in log.iter().flatten().zip(expected.iter().flatten()) {
            assert!((cell / expected - 1.0).abs() < 1e-12, "{log:?}");
        }
        // In any order, and alone.
        assert_eq!(edges(&[6.0, 1.0], Scale::Linear), [(3.5, 8.5), (-1.5, 3.5)]);
        assert_eq!(edges(&[3.0], Scale::Linear), [(2.5, 3.5)]);
    }
}
