//! The answer of an analysis in a sentence or two.

use super::report::{Answer, Report, Staircase, Status, Verdict};

impl Report {
    /// What fresh giant steps of order-d batches learn with the activation, and what becomes of the rest.
    ///
    /// ```
    /// use giantstep::{activation::Activation, analysis::{AnalysisOptions, analyze}, expr::Link};
    /// let link = Link::parse("z1 + z1*z2 + z1*z2*z3", None)?;
    /// let report = analyze(&link, &Activation::parse("relu(x)")?, AnalysisOptions::default())?;
    /// assert_eq!(
    ///     report.answer(),
    ///     "Two fresh steps at n ~ d: z1, then z2. z3 never, with relu: c_3 = 0."
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answer(&self) -> String {
        if self.effective.dimension == 0 {
            return match self.status {
                Status::Undecided => "The link varies too little to tell directions.",
                _ => "The link is a constant: there is nothing to learn.",
            }
            .to_owned();
        }
        let mut sentences = Vec::new();
        let mut rest: Vec<&Verdict> = self.verdicts.iter().collect();
        for staircase in &self.staircase.fresh {
            // The steps of the smallest batch that learns something, from there on what larger ones add.
            if sentences.is_empty() && staircase.dims.last().is_some_and(|&d| d > 0) {
                sentences.extend(self.nothing_below(staircase));
                sentences.push(climb(staircase));
                let k = staircase.batch_exponent;
                let learnt = |v: &&Verdict| matches!(steps(v, k), Answer::At(_));
                let left: Vec<&Verdict> = rest.into_iter().filter(|v| !learnt(v)).collect();
                rest = left;
            }
        }
        if sentences.is_empty() {
            sentences.push(match self.staircase.fresh[0].status {
                Status::Undecided => "Whether fresh steps learn anything is undecided.".to_owned(),
                _ => format!("Fresh steps at n ~ d learn nothing{}.", self.reason(&rest)),
            });
        }
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for verdict in &rest {
            let fate = self.fate(verdict);
            match groups.iter_mut().find(|(known, _)| *known == fate) {
                Some((_, names)) => names.push(&verdict.direction.name),
                None => groups.push((fate, vec![&verdict.direction.name])),
            }
        }
        for (fate, names) in groups {
            sentences.push(format!("{} {fate}.", listed(&names)));
        }
        sentences.join(" ")
    }

    /// That smaller batches learn nothing.
    fn nothing_below(&self, staircase: &Staircase) -> Option<String> {
        let below = &self.staircase.fresh[..staircase.batch_exponent as usize - 1];
        let first = below.first()?;
        let sure = below.iter().all(|s| s.status != Status::Undecided);
        let all: Vec<&Verdict> = self.verdicts.iter().collect();
        Some(match sure {
            true => format!(
                "Fresh steps at n ~ {} learn nothing{}.",
                power(first.batch_exponent),
                self.reason(&all)
            ),
            false => "Whether smaller batches learn anything is undecided.".to_owned(),
        })
    }

    /// Why the activation lacks what a generic one learns, where it does.
    fn reason(&self, lost: &[&Verdict]) -> String {
        let activation = &self.activation;
        let generic = |v: &&Verdict| matches!(v.generic_steps, Answer::At(_));
        match activation.stopped_by {
            Some(degree) if lost.iter().any(generic) => {
                format!(", with {}: c_{degree} = 0", short(&activation.activation))
            }
            _ => String::new(),
        }
    }

    /// What becomes of a direction that the steps named first do not learn.
    fn fate(&self, verdict: &Verdict) -> String {
        if verdict.giant_steps == Answer::Unknown {
            return "undecided".to_owned();
        }
        if let (false, Some(degree)) = (verdict.visible, verdict.kernel_first) {
            let activation = short(&self.activation.activation);
            return format!("never, with {activation}: c_{degree} = 0");
        }
        let reason = self.reason(&[verdict]);
        let larger = [(2, verdict.quadratic_steps), (3, verdict.cubic_steps)];
        let needed = larger.iter().find(|(_, step)| *step != Answer::Never);
        let batch = match needed {
            Some((k, Answer::At(step))) => format!("step {step} at n ~ {}", power(*k)),
            Some((k, _)) => format!("undecided at n ~ {}", power(*k)),
            None => "not up to n ~ d^3".to_owned(),
        };
        match (reason.is_empty(), needed.is_some()) {
            (true, true) => format!("in {batch}").replace("in undecided", "undecided"),
            (true, false) => batch,
            (false, _) => format!("not at n ~ d{reason}; {batch}"),
        }
    }
}

/// The step that learns a direction at n = Theta(d^k).
fn steps(verdict: &Verdict, exponent: u32) -> Answer<usize> {
    match exponent {
        1 => verdict.giant_steps,
        2 => verdict.quadratic_steps,
        _ => verdict.cubic_steps,
    }
}

/// "Two fresh steps at n ~ d: z1, then z2."
fn climb(staircase: &Staircase) -> String {
    let mut known = 0;
    let mut climbs: Vec<String> = Vec::new();
    let last = staircase.dims.iter().max().copied().unwrap_or(0);
    for (dimension, names) in staircase.dims.iter().zip(&staircase.directions) {
        if known == last {
            break;
        }
        let new: Vec<&str> = names[known..].iter().map(String::as_str).collect();
        climbs.push(match new.is_empty() {
            true => "nothing".to_owned(),
            false => listed(&new),
        });
        known = *dimension;
    }
    let plural = if climbs.len() == 1 { "" } else { "s" };
    format!(
        "{} fresh step{plural} at n ~ {}: {}.",
        counted(climbs.len()),
        power(staircase.batch_exponent),
        climbs.join(", then ")
    )
}

/// "z1, z2 and z3"
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn counted(count: usize) -> String {
    const WORDS: [&str; 9] = [
        "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight",
    ];
    WORDS
        .get(count)
        .map_or_else(|| count.to_string(), |&word| word.to_owned())
}

/// `d`, `d^2`, ...
fn power(exponent: u32) -> String {
    match exponent {
        1 => "d".to_owned(),
        k => format!("d^{k}"),
    }
}

/// `relu` for `relu(x)`.
fn short(activation: &str) -> &str {
    activation
        .strip_suffix("(x)")
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .unwrap_or(activation)
}
