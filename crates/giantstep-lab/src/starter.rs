//! A first experiment for a link: a commented file at the sizes that matter for it.

use std::fmt::Write;

use giantstep::analysis::Report;

/// What a first experiment says; quantities are numbers or formulas as in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The name of the experiment.
    pub name: String,
    /// The link.
    pub link: String,
    /// The activation.
    pub activation: String,
    /// The input dimension d.
    pub dimension: String,
    /// The batch n.
    pub batch: String,
    /// The width p.
    pub width: String,
    /// The step size eta.
    pub step_size: String,
    /// The number of giant steps.
    pub steps: u32,
    /// The number of seeds.
    pub seeds: u64,
}

/// The sizes at which giant steps learn of a link what they can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// k of n = Theta(d^k): the smallest at which most directions are learnt.
    pub batch_exponent: u32,
    /// The steps after which nothing more is learnt; at least one.
    pub steps: u32,
    /// The input dimension at which n = 4 d^k is a matter of seconds.
    pub dimension: u64,
}

impl Sizes {
    /// The sizes that the staircase of fresh batches asks for.
    pub fn of(report: &Report) -> Self {
        let reached = |dims: &[usize]| dims.last().copied().unwrap_or(0);
        let fresh = &report.staircase.fresh;
        let most = fresh.iter().map(|chain| reached(&chain.dims)).max();
        let chain = fresh
            .iter()
            .find(|chain| Some(reached(&chain.dims)) == most && most > Some(0));
        let batch_exponent = chain.map_or(1, |chain| chain.batch_exponent);
        let climbs = chain.map_or(1, |chain| {
            let last = reached(&chain.dims);
            chain.dims.iter().take_while(|dims| **dims < last).count() as u32 + 1
        });
        Self {
            batch_exponent,
            steps: climbs,
            dimension: match batch_exponent {
                1 => 1000,
                2 => 300,
                _ => 60,
            },
        }
    }

    /// The batch of four times d^k as a formula.
    pub fn batch(self) -> String {
        match self.batch_exponent {
            1 => "4*d".to_owned(),
            k => format!("4*d^{k}"),
        }
    }
}

/// A quantity as a file takes it: `4d` is `4*d`, numbers stay numbers.
pub fn quantity(typed: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for c in typed.trim().chars() {
        let letter = c.is_ascii_alphabetic();
        // A number and a letter after it: 4d, but not 1e6.
        let exponent = matches!(c, 'e' | 'E');
        if letter && before.is_ascii_digit() && !exponent {
            text.push('*');
        }
        text.push(c);
        before = c;
    }
    text
}

impl Starter {
    /// The file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let value = |text: &str| match text.parse::<f64>() {
            // TOML has no larger whole number.
            Ok(number) if number.abs() < 9e18 => text.to_owned(),
            Ok(number) => format!("{number:e}"),
            Err(_) => toml::Value::String(text.to_owned()).to_string(),
        };
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut line = |line: &str| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(&format!("name = {}", string(&self.name)));
        line("");
        line("[target]");
        line(&format!("link = {}", string(&self.link)));
        line("noise = 0.0                # variance of the label noise");
        line("");
        line("[network]");
        line(&format!("width = {}", value(&self.width)));
        line(&format!("activation = {}", string(&self.activation)));
        line(
            "pairing = \"independent\"    # \"symmetric\": mirrored neurons, the output is 0 at the start",
        );
        line("");
        line("[protocol]");
        line(&format!("dimension = {}", value(&self.dimension)));
        line(&format!("steps = {}", self.steps));
        line(&format!("batch = {}", value(&self.batch)));
        line(&format!(
            "step_size = {:<14} # giant: of the order of the width p",
            value(&self.step_size)
        ));
        line("reuse = 1                  # 2: each batch serves two steps");
        line("");
        line("[readout]");
        line("ridge = 1.0                # fitted after every step, 0 included: random features");
        line("");
        line("[evaluation]");
        line("test_samples = 20000");
        line("");
        line("[run]");
        line(&format!(
            "seeds = {:<18} # each redraws directions, network and data",
            self.seeds
        ));
        line("");
        line("# A sweep makes curves; delete the # to see how much data each step needs.");
        line("# [[sweep]]");
        line("# key = \"protocol.batch\"");
        line("# values = [\"d\", \"2*d\", \"4*d\", \"8*d\"]");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Scale};

    #[test]
    fn the_file_is_an_experiment_with_and_without_its_sweep() {
        let starter = Starter {
            name: "try".to_owned(),
            link: "z1 + z1*z2".to_owned(),
            activation: "tanh(x)".to_owned(),
            dimension: "1e3".to_owned(),
            batch: quantity("4d"),
            width: "64".to_owned(),
            step_size: "2*p".to_owned(),
            steps: 2,
            seeds: 3,
        };
        let text = starter.text();
        let plan = Plan::read(&text, "starter", &[], Scale::Full).unwrap();
        let protocol = &plan.points[0].checked.setup.experiment.protocol;
        assert_eq!((protocol.batch, protocol.step_size.at(1)), (4000, 128.0));
        let sweep = text.replace("# [[", "[[").replace("# key", "key");
        let sweep = sweep.replace("# values", "values");
        let plan = Plan::read(&sweep, "starter", &[], Scale::Full).unwrap();
        assert_eq!(plan.points.len(), 4);
    }

    #[test]
    fn a_number_before_a_letter_multiplies() {
        for (typed, meant) in [
            ("4d", "4*d"),
            ("1e6", "1e6"),
            ("2d^1.5", "2*d^1.5"),
            ("d", "d"),
            ("0.5*d*p", "0.5*d*p"),
            ("10sqrt(d)", "10*sqrt(d)"),
        ] {
            assert_eq!(quantity(typed), meant);
        }
    }
}
