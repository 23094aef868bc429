//! Cosines of every neuron's gradient in the plane of the first two target directions.

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::theory::Prediction;

use super::View;
use crate::plan::Plane;
use crate::table::Record;
use giantstep_figure::{Axis, Colour, Legend, Mark, Panel, Shape};

impl Plane {
    pub(super) fn row(&self, view: &View<'_>) -> Vec<Panel> {
        let is_cosine = |record: &Record| record.metric == Metric::GradientCosine;
        let neurons = view.records.iter().copied();
        let neurons: Vec<&Record> = neurons
            .filter(|record| is_cosine(record) && record.neuron.is_some())
            .collect();
        let foretold = view.foretold.iter().filter(|f| is_cosine(&f.record));
        let wanted = self.n.unwrap_or(f64::MAX).ln();
        let distance = |n: f64| (n.ln() - wanted).abs();
        let nearest = |best: f64, n: f64| match distance(n) >= distance(best) {
            true => best,
            false => n,
        };
        let n = match view.records.is_empty() {
            true => foretold.clone().map(|f| f.record.n).fold(f64::NAN, nearest),
            false => neurons
                .iter()
                .map(|record| record.n)
                .fold(f64::NAN, nearest),
        };
        let shown: Vec<&Record> = neurons.into_iter().filter(|r| r.n == n).collect();
        let seed = shown.iter().map(|record| record.seed).min();
        // The first point of that size, if others share it.
        let expected: Vec<&Prediction> = foretold
            .filter(|f| f.record.n == n)
            .map(|f| &f.prediction)
            .collect();
        let panels = self.steps.iter();
        panels
            .filter_map(|step| {
                let here = shown.iter().copied();
                let here = here.filter(|r| Some(r.seed) == seed && r.step == *step);
                self.panel(&view.title, *step, &here.collect::<Vec<_>>(), &expected)
            })
            .collect()
    }

    fn panel(
        &self,
        title: &str,
        step: u32,
        neurons: &[&Record],
        expected: &[&Prediction],
    ) -> Option<Panel> {
        let axis = |i: char| Axis::linear(format!("cos(𝐺ᵢ, 𝑤*{i})")).from_to(-1.0, 1.0);
        let heading = match title {
            "" => format!("step {step}"),
            title => format!("{title}: step {step}"),
        };
        let mut panel = Panel::new(axis('₁'), axis('₂'))
            .titled(heading)
            .equal_aspect()
            .legend(Legend::Below);
        for (group, colour, label) in [
            (Signs::Positive, Colour::BLUE, "𝑎ᵢ > 0"),
            (Signs::Negative, Colour::VERMILION, "𝑎ᵢ < 0"),
        ] {
            let along = |direction: u32| -> Vec<f64> {
                let members = neurons.iter().filter(|r| r.group == Some(group));
                let members = members.filter(|r| r.direction == Some(direction));
                members.map(|r| r.value).collect()
            };
            let (x, y) = (along(1), along(2));
            if !x.is_empty() && x.len() == y.len() {
                let points = Mark::points(x, y).coloured(colour).sized(1.3);
                panel = panel.with(points.labelled(label));
            }
            let cosine = |direction: u32| {
                let place = |p: &&&Prediction| {
                    (p.step, p.group, p.direction) == (step, Some(group), Some(direction))
                };
                expected.iter().find(place).map(|p| p.value)
            };
            if let (Some(x), Some(y)) = (cosine(1), cosine(2)) {
                // At the origin there is no direction.
                if x.hypot(y) > 1e-9 {
                    let line = match x == 0.0 {
                        true => Mark::vertical(0.0),
                        false => Mark::slope(y / x, 0.0),
                    };
                    panel = panel.with(line.dashed().coloured(colour));
                }
                panel = panel.with(
                    Mark::points([x], [y])
                        .coloured(Colour::BLACK)
                        .shaped(Shape::cycle(1))
                        .sized(2.0)
                        .labelled("theory"),
                );
            }
        }
        (!panel.marks.is_empty()).then_some(panel)
    }
}
