//! Directions in readable form.

/// A unit vector as a theorist writes it: `z1`, `(z1 + z2)/sqrt 2`, `(3 z1 - 4 z2)/5`, or with decimals where
/// its entries are no multiples of small integers.
///
/// ```
/// use giantstep::analysis::direction_name;
/// assert_eq!(direction_name(&[0.5f64.sqrt(), -0.5f64.sqrt()]), "(z1 - z2)/sqrt 2");
/// ```
pub fn direction_name(direction: &[f64]) -> String {
    if let Some(integers) = small_multiple(direction) {
        let squares: i64 = integers.iter().map(|n| n * n).sum();
        let root = (squares as f64).sqrt().round() as i64;
        let sum = signed_sum(integers.iter().map(|&n| (n as f64, magnitude(n))));
        return match (squares, root * root == squares) {
            (1, _) => sum,
            (_, true) => format!("({sum})/{root}"),
            _ => format!("({sum})/sqrt {squares}"),
        };
    }
    signed_sum(direction.iter().map(|&x| {
        let text = format!("{:.4}", x.abs());
        (if text == "0.0000" { 0.0 } else { x }, format!("{text} "))
    }))
}

fn magnitude(n: i64) -> String {
    match n.abs() {
        1 => String::new(),
        n => format!("{n} "),
    }
}

/// `a z1 - b z2 + ...` of signed numbers and the texts of their magnitudes.
fn signed_sum(terms: impl Iterator<Item = (f64, String)>) -> String {
    let mut text = String::new();
    for (index, (sign, magnitude)) in terms.enumerate() {
        if sign == 0.0 {
            continue;
        }
        text += match (text.is_empty(), sign < 0.0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        text += &format!("{magnitude}z{}", index + 1);
    }
    text
}

/// The smallest integers in the proportions of a vector, up to 60.
fn small_multiple(direction: &[f64]) -> Option<Vec<i64>> {
    let largest = direction.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    (1..=60).find_map(|n| {
        let scaled: Vec<f64> = direction
            .iter()
            .map(|x| x / largest * f64::from(n))
            .collect();
        scaled
            .iter()
            .all(|x| (x - x.round()).abs() < 1e-7)
            .then(|| scaled.iter().map(|x| x.round() as i64).collect())
    })
}
