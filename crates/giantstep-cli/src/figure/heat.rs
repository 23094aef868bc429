//! Heat maps: equally large cells, whatever the values along the axes.

use kuva::plot::{BandPlot, ColorMap, ContourPlot, Heatmap};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;

use super::scale::{number, tick_label};
use super::{Axis, Colour, Geometry, Panel, Scale};

/// The axes of a panel with a heat map: cell `i` is centred at coordinate `i`.
pub(super) struct Cells<'a> {
    x: &'a [f64],
    y: &'a [f64],
}

impl<'a> Cells<'a> {
    /// The cells of the first heat map in the panel.
    pub(super) fn of(panel: &'a Panel) -> Option<Self> {
        panel.marks.iter().find_map(|mark| match &mark.geometry {
            Geometry::Heat { x, y, .. } if !x.is_empty() && !y.is_empty() => Some(Self { x, y }),
            _ => None,
        })
    }

    /// Where a value of x or y lies among the cells.
    pub(super) fn place_x(&self, value: f64, axis: &Axis) -> f64 {
        place(self.x, value, axis.scale)
    }

    /// As [`Cells::place_x`], for y.
    pub(super) fn place_y(&self, value: f64, axis: &Axis) -> f64 {
        place(self.y, value, axis.scale)
    }

    /// Ends of the axes.
    pub(super) fn ranges(&self) -> [(f64, f64); 2] {
        [self.x.len(), self.y.len()].map(|count| (-0.5, count as f64 - 0.5))
    }

    /// Distance between labelled cells on each axis, so that labels do not touch.
    pub(super) fn steps(&self) -> [f64; 2] {
        let [x, _] = self.labels();
        let longest = x
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(1);
        let room = (26 / (longest + 1)).max(1);
        [
            self.x.len().div_ceil(room) as f64,
            self.y.len().div_ceil(8) as f64,
        ]
    }

    /// Labels of the cells along x and y.
    pub(super) fn labels(&self) -> [Vec<String>; 2] {
        [self.x, self.y].map(|values| values.iter().map(|&value| number(value)).collect())
    }
}

/// Linear interpolation of the cell's number in the coordinate of the axis, extended beyond both ends.
fn place(centres: &[f64], value: f64, scale: Scale) -> f64 {
    let Some(last) = centres.len().checked_sub(2) else {
        return 0.0;
    };
    let at = |i: usize| scale.forward(centres[i]);
    let rising = at(last + 1) > at(0);
    let left = (1..=last)
        .take_while(|&i| (scale.forward(value) >= at(i)) == rising)
        .count();
    left as f64 + (scale.forward(value) - at(left)) / (at(left + 1) - at(left))
}

/// The coloured cells, grey ones where there is no value, and the colour bar; nothing if there are no values.
pub(super) fn plots(values: &[Vec<f64>], bar: &str, scale: Scale) -> Vec<Plot> {
    let shown = || {
        values
            .iter()
            .flatten()
            .copied()
            .filter(|&value| scale.shows(value))
    };
    let lowest = shown().fold(f64::INFINITY, f64::min);
    if lowest == f64::INFINITY {
        return Vec::new();
    }
    let coordinate = |&value: &f64| scale.forward(if scale.shows(value) { value } else { lowest });
    let cells: Vec<Vec<f64>> = values
        .iter()
        .map(|row| row.iter().map(coordinate).collect())
        .collect();
    let highest = scale.forward(shown().fold(lowest, f64::max));
    let [wide, high] = [cells[0].len(), cells.len()].map(|count| count as f64 - 0.5);
    let map = Heatmap::new()
        .with_data(cells)
        .with_color_map(ColorMap::Viridis)
        .with_cell_size(1.0);
    let map = map.with_x_range(-0.5, wide).with_y_range(-0.5, high);
    // The library's heat maps cannot name their colour bar; a contour plot of one row is only its bar.
    let range = vec![vec![scale.forward(lowest), highest]];
    let bar = ContourPlot::new()
        .with_grid(range, vec![0.0, 1.0], vec![0.0])
        .with_filled()
        .with_legend(bar);
    let mut plots = vec![
        Plot::from(bar.with_colormap(ColorMap::Viridis)),
        Plot::from(map),
    ];
    for (j, row) in values.iter().enumerate() {
        for i in (0..row.len()).filter(|&i| !scale.shows(row[i])) {
            let (left, low) = (i as f64 - 0.5, j as f64 - 0.5);
            let cell = BandPlot::new([left, left + 1.0], [low; 2], [low + 1.0; 2]);
            plots.push(
                cell.with_color(Colour::GREY.to_string())
                    .with_opacity(1.0)
                    .into(),
            );
        }
    }
    plots
}

/// Labels the colour bar of a logarithmic heat map by its values instead of their logarithms.
pub(super) fn label_bar(layout: Layout, values: &[Vec<f64>], scale: Scale) -> Layout {
    let (low, high) = scale.fit(values.iter().flatten().copied());
    let label = tick_label(scale, low, high);
    let format = move |coordinate| label(round_to(scale.backward(coordinate)));
    layout.with_colorbar_tick_format(kuva::render::layout::TickFormat::Custom(
        std::sync::Arc::new(format),
    ))
}

/// Two significant digits: what a tick between two powers of ten needs.
fn round_to(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 1.0);
    (value / unit).round() * unit
}
