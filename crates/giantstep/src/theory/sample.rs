//! The mean of numbers that differ at random, and how well it is known.

/// Numbers that differ at random, such as repetitions of an average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub size: f64,
    pub mean: f64,
    /// None of a single number.
    pub deviation: Option<f64>,
}

impl Sample {
    pub(super) fn of(numbers: &[f64]) -> Self {
        let size = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / size;
        let spread: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        Self {
            size,
            mean,
            deviation: (size > 1.0).then(|| (spread / (size - 1.0)).sqrt()),
        }
    }

    /// Of the mean.
    pub(super) fn standard_error(self) -> Option<f64> {
        self.deviation.map(|deviation| deviation / self.size.sqrt())
    }
}
