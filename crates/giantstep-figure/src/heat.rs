//! Heat maps: cells that meet half-way between their values, on the scales of the axes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kuva::plot::{BandPlot, ColorMap, ContourPlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render_utils::generate_ticks;
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use super::scale::tick_label;
use super::{Axis, Colour, Geometry, Panel, Scale};

/// The longest side of the image of the cells, where these are not of equal size, in pixels.
const RASTER: usize = 2048;
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
    pub(super) x: (&'a [f64], &'a Axis),
    pub(super) y: (&'a [f64], &'a Axis),
    pub(super) values: &'a [Vec<f64>],
    pub(super) scale: Scale,
    /// The values at both ends of the colour bar; those of the cells if absent.
    pub(super) colours: Option<(f64, f64)>,
}

impl Map<'_> {
    /// The colour bar and an area that stands for the cells until [`place`] puts their image there; nothing if there
    /// are no values.
    pub(super) fn plots(&self, bar: &str, number: usize) -> Vec<Plot> {
        let (Some((low, high)), Some(_)) = (self.range(), self.image()) else {
            return Vec::new();
        };
        // The library has no colour bar by itself; a contour plot of one row is only its bar.
        let range = ContourPlot::new()
            .with_grid(vec![vec![low, high]], vec![0.0, 1.0], vec![0.0])
            .with_filled()
            .with_legend(bar);
        let [x, y] = self.cells();
        let (Some(x), Some(y)) = (ends(&x), ends(&y)) else {
            return Vec::new();
        };
        let area = BandPlot::new([x.0, x.1], [y.0; 2], [y.1; 2]);
        vec![
            range.with_colormap(ColorMap::Viridis).into(),
            area.with_color(stand_in(number)).with_opacity(1.0).into(),
        ]
    }

    /// The cells of both axes with a place on them, in their order.
    fn cells(&self) -> [Vec<(f64, f64)>; 2] {
        [(self.x, self.order_x()), (self.y, self.order_y())].map(|((centres, axis), order)| {
            let shown: Vec<f64> = order.iter().map(|&i| centres[i]).collect();
            edges(&shown, axis.scale)
        })
    }

    /// The cells as an image: one pixel a cell if all are of one size, otherwise a raster on the scales of the axes.
    fn image(&self) -> Option<Pixmap> {
        let (low, high) = self.range()?;
        let [across, up] = self.cells();
        let columns = pixels(&across, self.x.1.scale);
        let rows = pixels(&up, self.y.1.scale);
        let (order_x, order_y) = (self.order_x(), self.order_y());
        let mut image = Pixmap::new(columns.len() as u32, rows.len() as u32)?;
        let mut colours = image.pixels_mut().iter_mut();
        // An image begins above.
        for &j in rows.iter().rev() {
            for &i in &columns {
                let value = self.values[order_y[j]][order_x[i]];
                let Colour(red, green, blue) = match self.scale.shows(value) {
                    true => {
                        let share = (self.scale.forward(value) - low) / (high - low);
                        let share = if share.is_finite() { share } else { 0.0 };
                        let (red, green, blue) =
                            ColorMap::Viridis.map_rgb(share.clamp(0.0, 1.0))?;
                        Colour(red, green, blue)
                    }
                    false => Colour::GREY,
                };
                *colours.next()? = PremultipliedColorU8::from_rgba(red, green, blue, 255)?;
            }
        }
        Some(image)
    }

    /// Where the values cross a level, by linear interpolation in the coordinates of axes and colours: a line
    /// with an edge, to be seen on every colour. Squares with a missing corner have none.
    pub(super) fn level(&self, level: f64, colour: Colour) -> Vec<Plot> {
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
                let x = (0..=PARTS).map(|k| between(self.x, column, k));
                let y = (0..=PARTS).map(|k| between(self.y, row, k));
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
        const WHITE: Colour = Colour(255, 255, 255);
        let edge = if colour == WHITE {
            Colour::BLACK
        } else {
            WHITE
        };
        let mut plots = drawn(edge, 2.6);
        plots.extend(drawn(colour, 1.2));
        plots
    }

    /// The ends of the colour bar, in its coordinate: ticks, so that both are labelled.
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
        (low <= high).then(|| to_ticks(asked.unwrap_or((low, high)), self.scale))
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

/// A range that begins and ends at ticks of the library, or at powers of ten.
fn to_ticks((mut low, mut high): (f64, f64), scale: Scale) -> (f64, f64) {
    if scale == Scale::Log10 && high - low >= 1.0 {
        return (low.floor(), high.ceil());
    }
    for _ in 0..4 {
        let ticks = generate_ticks(low, high, 5);
        let [first, second, ..] = ticks.as_slice() else {
            break;
        };
        let step = second - first;
        let wider = (
            (low / step + 1e-9).floor() * step,
            (high / step - 1e-9).ceil() * step,
        );
        if wider == (low, high) {
            break;
        }
        (low, high) = wider;
    }
    (low, high)
}

/// The lowest and the highest end of cells.
fn ends(cells: &[(f64, f64)]) -> Option<(f64, f64)> {
    Some((cells.first()?.0, cells.last()?.1))
}

/// The cell of each pixel along one side.
fn pixels(cells: &[(f64, f64)], scale: Scale) -> Vec<usize> {
    let ends: Vec<(f64, f64)> = cells
        .iter()
        .map(|cell| (scale.forward(cell.0), scale.forward(cell.1)))
        .collect();
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return Vec::new();
    };
    let length = last.1 - first.0;
    let equal = length / cells.len() as f64;
    if ends
        .iter()
        .all(|end| (end.1 - end.0 - equal).abs() < 1e-3 * equal)
    {
        return (0..cells.len()).collect();
    }
    let count = RASTER.max(cells.len());
    let place = |pixel: usize| first.0 + length * (pixel as f64 + 0.5) / count as f64;
    let cell = |pixel: usize| {
        ends.partition_point(|end| end.1 < place(pixel))
            .min(cells.len() - 1)
    };
    (0..count).map(cell).collect()
}

/// The colour of the area that stands for the cells of a panel: one that no palette has.
fn stand_in(number: usize) -> String {
    format!("#fe01{number:02x}")
}

/// Puts the images of all heat maps where the areas that stand for them are.
pub(super) fn place(svg: String, maps: &[(usize, Map<'_>)]) -> String {
    let mut svg = svg;
    for (number, map) in maps {
        let Some(png) = map.image().and_then(|image| image.encode_png().ok()) else {
            continue;
        };
        let fill = format!("fill=\"{}\"", stand_in(*number));
        let Some(at) = svg.find(&fill) else { continue };
        let (Some(start), Some(end)) = (svg[..at].rfind("<path"), svg[at..].find("/>")) else {
            continue;
        };
        let Some([left, top, right, bottom]) = bounds(&svg[start..at]) else {
            continue;
        };
        let image = format!(
            "<image x=\"{left}\" y=\"{top}\" width=\"{:.2}\" height=\"{:.2}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
            right - left,
            bottom - top,
            STANDARD.encode(png)
        );
        svg.replace_range(start..at + end + 2, &image);
    }
    svg
}

/// Left, top, right and bottom of the path of an element.
fn bounds(element: &str) -> Option<[f64; 4]> {
    let path = element.split("d=\"").nth(1)?.split('"').next()?;
    let words = path.split(|c: char| c.is_whitespace() || c.is_ascii_alphabetic());
    let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
    let side = |start: usize, better: fn(f64, f64) -> f64| {
        numbers
            .iter()
            .skip(start)
            .step_by(2)
            .copied()
            .reduce(better)
    };
    Some([
        side(0, f64::min)?,
        side(1, f64::min)?,
        side(0, f64::max)?,
        side(1, f64::max)?,
    ])
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
