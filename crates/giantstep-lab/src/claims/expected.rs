//! Predicted values: computed by the library where they can be.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use giantstep::analysis::{AnalysisOptions, Report, analyze};
use giantstep::expr::Formula;
use giantstep::theory::{Effort, Predictions, predict_within};

use super::pick::{Pick, titled};
use super::spec::{Expected, Number, Source};
use super::statistic::Statistic;
use crate::plan::{Plan, Point};

/// What theory says of the points of a plan; each point is worked out once.
#[derive(Debug)]
pub(super) struct Theory<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    predictions: RefCell<HashMap<usize, Predictions>>,
    reports: RefCell<HashMap<String, Report>>,
}

impl<'a> Theory<'a> {
    /// What is not worked out when `stop` is set is not known.
    pub(super) fn of(plan: &'a Plan, stop: &'a AtomicBool) -> Self {
        Self {
            plan,
            stop,
            predictions: RefCell::default(),
            reports: RefCell::default(),
        }
    }

    /// A predicted value of a statistic.
    pub(super) fn value(
        &self,
        expected: &Expected,
        statistic: &Statistic,
        of: &Pick,
    ) -> Result<f64, String> {
        match expected {
            Expected::Number(number) => self.number(number, of),
            Expected::From(Source::Theory) => self.predicted(statistic, of),
            Expected::From(Source::TheoryAt(title)) => {
                let at = Some(title.clone());
                self.predicted(statistic, &Pick { at, ..of.clone() })
            }
            Expected::From(Source::KernelFloor(degree)) => {
                let floors = self.report(of)?.kernel_floors;
                let floor = degree.checked_sub(1).and_then(|k| floors.get(k));
                floor
                    .copied()
                    .ok_or_else(|| format!("no kernel floor of degree {degree}"))
            }
            Expected::From(Source::SubspaceFloor(steps)) => {
                let floors = self.report(of)?.floors.bounded_width;
                let floor = floors.get(*steps).or(floors.last());
                floor.copied().ok_or_else(|| "no floor".to_owned())
            }
            Expected::From(Source::Staircase(exponent)) => self.staircase(*exponent, of),
        }
    }

    /// A number or formula at the sizes of a quantity.
    pub(super) fn number(&self, number: &Number, of: &Pick) -> Result<f64, String> {
        match number {
            Number::Plain(value) => Ok(*value),
            Number::Formula(text) => {
                let formula = Formula::parse(text, &["d", "n", "p"]).map_err(|e| e.to_string())?;
                let experiment = &self.plan.points[self.point(of)?].checked.setup.experiment;
                let (d, n) = (experiment.protocol.dimension, experiment.protocol.batch);
                Ok(formula.eval(&[d as f64, n as f64, experiment.network.width as f64]))
            }
        }
    }

    /// The point of the largest sizes at a title.
    fn point(&self, of: &Pick) -> Result<usize, String> {
        let wanted = of.at.as_deref().map(|title| titled(self.plan, title));
        let wanted = wanted.transpose()?;
        let fits = |index: usize| {
            let number = index as u32 + 1;
            wanted
                .as_ref()
                .is_none_or(|points| points.contains(&number))
        };
        let size = |point: &Point| {
            let protocol = &point.checked.setup.experiment.protocol;
            (protocol.dimension, protocol.batch)
        };
        let points = self.plan.points.iter().enumerate();
        let largest = points
            .filter(|(index, _)| fits(*index))
            .max_by_key(|(_, p)| size(p));
        largest
            .map(|(index, _)| index)
            .ok_or_else(|| "no point of this title".to_owned())
    }

    fn predicted(&self, statistic: &Statistic, of: &Pick) -> Result<f64, String> {
        match statistic {
            Statistic::Mean => self.limit(of),
            Statistic::Minus(other) => Ok(self.limit(of)? - self.limit(other)?),
            Statistic::Over(other) => Ok(self.limit(of)? / self.limit(other)?),
            Statistic::Exponent(_) | Statistic::Threshold(_) => {
                Err("theory predicts values; state the exponent".to_owned())
            }
        }
    }

    /// The predicted mean of a quantity.
    fn limit(&self, of: &Pick) -> Result<f64, String> {
        let index = self.point(of)?;
        let experiment = &self.plan.points[index].checked.setup.experiment;
        let mut known = self.predictions.borrow_mut();
        let all = known
            .entry(index)
            .or_insert_with(|| predict_within(experiment, Effort::Sampled, self.stop));
        let step = of.step.unwrap_or(experiment.protocol.steps);
        let here = |direction: Option<u32>| {
            let found = all.present.iter().find(|prediction| {
                prediction.metric == of.metric
                    && prediction.step == step
                    && prediction.direction == direction
                    && (prediction.group, prediction.rank) == (of.group, of.rank)
            });
            found.map(|prediction| prediction.value).ok_or_else(|| {
                let absent = all.absent.iter();
                let reason = absent
                    .filter(|a| a.metrics.contains(&of.metric))
                    .map(|a| a.reason.as_str())
                    .next();
                let reason = reason.unwrap_or("is it measured, and its group and direction given?");
                format!("no prediction of {}: {reason}", of.describe())
            })
        };
        if of.along.is_empty() {
            return here(None);
        }
        let norm = of.along.iter().map(|v| v * v).sum::<f64>().sqrt();
        let terms = (1..).zip(&of.along);
        let used = terms.filter(|(_, v)| **v != 0.0);
        let sum = used.map(|(k, v)| Ok(v * here(Some(k))?));
        Ok(sum.sum::<Result<f64, String>>()? / norm)
    }

    fn report(&self, of: &Pick) -> Result<Report, String> {
        let experiment = &self.plan.points[self.point(of)?].checked.setup.experiment;
        let (link, activation) = (&experiment.target.link, &experiment.network.activation);
        let key = format!(
            "{link} with {activation}",
            link = link.source(),
            activation = activation.source()
        );
        if let Some(known) = self.reports.borrow().get(&key) {
            return Ok(known.clone());
        }
        let options = AnalysisOptions {
            sampled: false,
            ..AnalysisOptions::patient()
        };
        let report = analyze(link, activation, options).map_err(|e| e.to_string())?;
        let mut reports = self.reports.borrow_mut();
        reports.insert(key, report.clone());
        Ok(report)
    }

    /// 0 if the direction lies in the subspace learnt at n = Theta(d^k), -1 if it lies across.
    fn staircase(&self, exponent: u32, of: &Pick) -> Result<f64, String> {
        let report = self.report(of)?;
        let mut chains = report.staircase.fresh.iter();
        let chain = chains.find(|chain| chain.batch_exponent == exponent);
        let chain = chain.ok_or_else(|| format!("no staircase at n ~ d^{exponent}"))?;
        let step = of.step.ok_or("the staircase needs a step")? as usize;
        let last = chain.bases.len().min(step);
        let basis = match last {
            0 => &Vec::new(),
            last => &chain.bases[last - 1],
        };
        let square = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
        let inside: f64 = basis
            .iter()
            .map(|b| {
                let product: f64 = b.iter().zip(&of.along).map(|(b, v)| b * v).sum();
                product * product / (square(&of.along) * square(b))
            })
            .sum();
        match inside {
            all if all > 1.0 - 1e-9 => Ok(0.0),
            none if none < 1e-9 => Ok(-1.0),
            part => Err(format!(
                "the direction lies in the learnt subspace in part ({part:.3})"
            )),
        }
    }
}

impl Expected {
    /// Where the value is from, in words.
    pub(super) fn origin(&self) -> String {
        match self {
            Expected::Number(Number::Plain(_)) => String::new(),
            Expected::Number(Number::Formula(text)) => text.clone(),
            Expected::From(Source::Theory) => "theory".to_owned(),
            Expected::From(Source::TheoryAt(title)) => format!("theory for {title}"),
            Expected::From(Source::KernelFloor(degree)) => {
                format!("kernel floor of degree {degree}")
            }
            Expected::From(Source::SubspaceFloor(steps)) => {
                format!("floor after {steps} steps")
            }
            Expected::From(Source::Staircase(_)) => "analyzer".to_owned(),
        }
    }
}
