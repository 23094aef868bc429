//! Batches with the features and labels of the conditional Gaussian model. THEORY.md (34), (35).

use faer::Mat;

use crate::batch::{Panel, Role, Stream};
use crate::directions::Directions;
use crate::readout::{Features, Samples};
use crate::real::Real;
use crate::theory::conditional::Conditional;
use crate::watch::Watch;

/// A batch of which features and labels are replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn<'a, M> {
    /// The batch, and the network.
    pub features: Features<'a>,
    /// What replaces its features.
    pub model: &'a M,
}

impl<M> Drawn<'_, M> {
    /// Noise of one column of a panel: 0 for the labels, `1 + i` for neuron i.
    ///
    /// It is named by the batch alone: all models share it.
    pub(super) fn noise<T: Real>(&self, panel: &Panel<'_, T>, column: usize) -> Vec<f64> {
        let mut noise = vec![0.0; panel.rows];
        let id = self.features.id;
        let role = Role::Equivalent(id.purpose);
        let block = panel.first_row * (self.features.width() as u64 + 1) + column as u64;
        Stream::new(self.features.labels.seed, role, id.index, block).fill_normal(&mut noise);
        noise
    }
}

impl Drawn<'_, Conditional> {
    /// Fields `count` from `first` on, one vector for each row.
    fn rows_of<T: Real>(panel: &Panel<'_, T>, first: usize, count: usize) -> Vec<Vec<f64>> {
        let value = |v: usize, k: usize| panel.field(first + k)[v].to_f64();
        (0..panel.rows)
            .map(|v| (0..count).map(|k| value(v, k)).collect())
            .collect()
    }

    fn known<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<Vec<f64>> {
        let first = self.width() + self.features.labels.target.r;
        Self::rows_of(panel, first, self.model.known.rows())
    }
}

impl Samples for Drawn<'_, Conditional> {
    fn width(&self) -> usize {
        self.features.width()
    }

    fn rows(&self) -> u64 {
        self.features.rows
    }

    fn watch(&self) -> Watch<'_> {
        self.features.watch
    }

    fn directions(&self) -> Directions {
        let Features { first, labels, .. } = &self.features;
        Directions::stack(&[first, labels.directions, &self.model.known])
    }

    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T> {
        let target = self.features.labels.target;
        let labels = &self.model.labels;
        let projections = Self::rows_of(panel, self.width(), target.r);
        let noise = self.noise(panel, 0);
        let mut constant = None;
        let mut out = Vec::with_capacity(panel.rows);
        for ((z, kappa), noise) in projections.iter().zip(self.known(panel)).zip(noise) {
            let centre = labels.centre_at(&kappa);
            // Without directions all rows have the same moments.
            let moments = match constant.take() {
                Some(known) if kappa.is_empty() => known,
                _ => labels.moments(&target.link, &kappa),
            };
            let offset: Vec<f64> = z.iter().zip(&centre).map(|(z, c)| z - c).collect();
            let linear: f64 = moments
                .slopes
                .iter()
                .enumerate()
                .map(|(j, slope)| {
                    let v = offset.iter().enumerate();
                    slope * v.map(|(k, z)| labels.inverse[(j, k)] * z).sum::<f64>()
                })
                .sum();
            let spread = (moments.rest + target.noise).sqrt();
            out.push(T::from_f64(moments.mean + linear + spread * noise));
            constant = Some(moments);
        }
        out
    }

    fn remove<T: Real>(&self, _panel: &Panel<'_, T>, _labels: &mut [T]) {}

    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>) {
        let projections = self.known(panel);
        let s = self.model.known.rows();
        let points = Mat::from_fn(s, projections.len(), |k, v| projections[v][k]);
        let (seen, [value, slope, rest]) = self.model.at(&points);
        for i in 0..self.width() {
            let noise = self.noise(panel, 1 + i);
            for (v, (field, noise)) in panel.field_mut(i).iter_mut().zip(noise).enumerate() {
                let own = field.to_f64() - seen[(i, v)];
                let linear = value[(i, v)] + slope[(i, v)] * own;
                *field = T::from_f64(linear + rest[(i, v)].sqrt() * noise);
            }
        }
    }
}
