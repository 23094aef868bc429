//! The keys of `target`: a link, its directions and noise.

use crate::callable::Callable;
use crate::experiment::TestLabels;
use crate::expr::Link;
use crate::labels::Target;
use crate::spec::given::Callables;
use crate::spec::inputs::Source;
use crate::spec::quantity::quoted;
use crate::spec::{Spec, SpecError};

/// The lower triangle L of `L L^T = G`, for the Gram matrix of r directions.
fn triangle(gram: &[Vec<f64>], r: usize) -> Result<Vec<Vec<f64>>, SpecError> {
    let key = "target.gram";
    let fail = |reason: String, remedy: &str| {
        Err(SpecError::new(key, format!("{gram:?}"), reason, remedy))
    };
    if gram.len() != r || gram.iter().any(|row| row.len() != r) {
        let reason = format!("is no {r} x {r} matrix, as r = {r} directions need");
        return fail(reason, "give r lists of r numbers");
    }
    let symmetric = (0..r).all(|i| (0..i).all(|j| gram[i][j] == gram[j][i]));
    if !symmetric || gram.iter().flatten().any(|entry| !entry.is_finite()) {
        let reason = "is not symmetric with finite entries".to_owned();
        return fail(reason, "inner products do not depend on the order");
    }
    let mut lower = vec![vec![0.0; r]; r];
    for i in 0..r {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let left = gram[i][j] - known;
            if i > j {
                lower[i][j] = left / lower[j][j];
            } else if left > 1e-9 * gram[i][i] {
                lower[i][i] = left.sqrt();
            } else {
                let reason = format!(
                    "is not positive definite: direction {} lies in the span of those before it, or has no length",
                    i + 1
                );
                return fail(reason, "write the link in independent directions");
            }
        }
    }
    Ok(lower)
}

fn check_directions(r: usize, dimension: u64) -> Result<(), SpecError> {
    if r as u64 > dimension {
        let reason = format!("r = {r} directions do not fit into dimension d = {dimension}");
        let remedy = "raise protocol.dimension or use fewer variables";
        return Err(SpecError::new("target.r", r, reason, remedy));
    }
    Ok(())
}

impl Spec {
    pub(super) fn check_target(
        &self,
        source: &Source,
        dimension: u64,
        callables: &Callables,
    ) -> Result<Target, SpecError> {
        let target = &self.target;
        let given = source.data().and_then(|data| data.labels());
        if let Some((function, r)) = &callables.link {
            return self.check_callable(function, *r, given.is_some(), dimension);
        }
        let link = match (&target.link, given) {
            (Some(link), None) => link,
            (None, None) => {
                let reason = "labels are the link of projections of the inputs, or given with them";
                let remedy = "for instance \"z1 + z1*z2\"";
                return Err(SpecError::new("target.link", "absent", reason, remedy));
            }
            (None, Some(given)) => {
                self.check_no_directions()?;
                return Ok(Target {
                    noise: self.check_noise()?,
                    ..Target::given(given.clone())
                });
            }
            (Some(link), Some(_)) => {
                let reason = "labels are given with the rows";
                let remedy = "leave it out, or leave inputs.labels out";
                return Err(SpecError::new("target.link", quoted(link), reason, remedy));
            }
        };
        let shown = quoted(link);
        let r = target.r.or(target.gram.as_ref().map(Vec::len));
        let link = Link::parse(link, r).map_err(|error| {
            SpecError::new(
                "target.link",
                quoted(link),
                format!("\n{error}"),
                "correct the link",
            )
        })?;
        check_directions(link.r(), dimension)?;
        let checked = Target {
            noise: self.check_noise()?,
            ..Target::of(match &target.gram {
                Some(gram) => link.along(&triangle(gram, link.r())?),
                None => link,
            })
        };
        if self.evaluation.labels == TestLabels::Clean && checked.clean().is_none() {
            let reason = format!(
                "clean labels are averages over what the link draws, and that of {shown} has no closed form here"
            );
            let remedy = "set evaluation.labels = \"noisy\"";
            return Err(SpecError::new(
                "evaluation.labels",
                quoted("clean"),
                reason,
                remedy,
            ));
        }
        Ok(checked)
    }

    /// Labels that are given are no function of directions.
    fn check_no_directions(&self) -> Result<(), SpecError> {
        let target = &self.target;
        let gram = target.gram.as_ref().map(|gram| format!("{gram:?}"));
        let r = target.r.map(|r| r.to_string());
        match [("target.gram", gram), ("target.r", r)]
            .into_iter()
            .find_map(|(key, value)| Some((key, value?)))
        {
            None => Ok(()),
            Some((key, value)) => {
                let reason = "labels are given with the rows, and no direction is known of them";
                let remedy = "leave it out, or leave inputs.labels out and give target.link";
                Err(SpecError::new(key, value, reason, remedy))
            }
        }
    }

    /// A link that is given as code.
    fn check_callable(
        &self,
        function: &Callable,
        r: usize,
        labelled: bool,
        dimension: u64,
    ) -> Result<Target, SpecError> {
        let name = function.name();
        if labelled {
            let (reason, remedy) = (
                "labels are given with the rows",
                "leave the function out, or leave inputs.labels out",
            );
            return Err(SpecError::new("target.link", name, reason, remedy));
        }
        if let Some(gram) = &self.target.gram {
            let (reason, remedy) = (
                "the directions of a link that is given as code are orthonormal",
                "leave it out, and let the function combine them",
            );
            return Err(SpecError::new(
                "target.gram",
                format!("{gram:?}"),
                reason,
                remedy,
            ));
        }
        if let Some(asked) = self.target.r.filter(|asked| *asked != r) {
            let reason = format!("the link `{name}` is a function of {r} directions");
            return Err(SpecError::new("target.r", asked, reason, "leave it out"));
        }
        check_directions(r, dimension)?;
        Ok(Target {
            noise: self.check_noise()?,
            ..Target::callable(function.clone(), r)
        })
    }

    fn check_noise(&self) -> Result<f64, SpecError> {
        let noise = self.target.noise;
        if noise >= 0.0 && noise.is_finite() {
            return Ok(noise);
        }
        let reason = "a variance is finite and not negative";
        let remedy = "give 0 or a positive number";
        Err(SpecError::new("target.noise", noise, reason, remedy))
    }
}
