//! Numbers, durations and amounts of memory as people write them.

/// Four significant digits: `0.3361`, `1.2e-5`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let text = if (1e-4..1e7).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    };
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    if digits.contains('.') {
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
            + exponent
    } else {
        text
    }
}

/// A value with its standard error in its last two digits: `0.1845(28)`.
pub fn uncertain(value: f64, error: f64) -> String {
    let usable = error > 0.0 && error.is_finite() && value.is_finite();
    if !usable || !(1e-9..1e4).contains(&error) {
        return format!("{} ± {}", number(value), number(error));
    }
    // Two digits of the error stand at this many places.
    let places = (1 - error.log10().floor() as i32).max(0);
    let shown = (error * 10_f64.powi(places)).round();
    // 0.0996 has 100 in its last digits at three places, and 10 at two.
    let (places, shown) = match shown >= 100.0 && places > 0 {
        true => (places - 1, (error * 10_f64.powi(places - 1)).round()),
        false => (places, shown),
    };
    format!("{value:.0$}({shown})", places as usize)
}

/// A count in groups of three digits: `262 144`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = if head.is_empty() {
        Vec::new()
    } else {
        vec![head]
    };
    groups.extend((0..tail.len()).step_by(3).map(|i| &tail[i..i + 3]));
    groups.join(" ")
}

/// A duration in the units people use: `12 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`.
pub fn seconds(value: f64) -> String {
    let whole = value.round() as u64;
    match value {
        _ if value < 0.9995 => format!("{:.0} ms", value * 1e3),
        _ if value < 59.95 => format!("{value:.1} s"),
        _ if whole < 3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ if whole < 48 * 3600 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// An amount of memory in decimal units: `812 B`, `120 MB`, `9.2 GB`.
pub fn bytes(value: u64) -> String {
    let mut size = value as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1e3, next);
    }
    if size < 9.95 && unit != "B" {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_in_the_last_two_digits() {
        for (value, error, text) in [
            (0.184_51, 0.002_77, "0.1845(28)"),
            (1.358, 0.0124, "1.358(12)"),
            (12.3, 4.2, "12.3(42)"),
            (0.5, 0.0999, "0.50(10)"),
            (1234.0, 56.0, "1234(56)"),
        ] {
            assert_eq!(uncertain(value, error), text);
        }
        assert_eq!(uncertain(1.0, 0.0), "1 ± 0");
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(
            [0.336_14, 512.0, 0.000_012, -2.5, 1e9].map(number),
            ["0.3361", "512", "1.2e-5", "-2.5", "1e9"]
        );
        assert_eq!(
            [0, 999, 1000, 262_144, 1_000_000].map(count),
            ["0", "999", "1 000", "262 144", "1 000 000"]
        );
        assert_eq!(
            [0.0124, 4.21, 59.99, 185.0, 7800.0, 274_000.0].map(seconds),
            [
                "12 ms",
                "4.2 s",
                "1 min 00 s",
                "3 min 05 s",
                "2 h 10 min",
                "3 d 4 h"
            ]
        );
        assert_eq!(
            [812, 1_500, 120_000_000, 9_200_000_000].map(bytes),
            ["812 B", "1.5 kB", "120 MB", "9.2 GB"]
        );
    }
}
