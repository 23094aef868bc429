//! Ranges and tick labels of an axis.

use super::Scale;

/// Share of the range left free at each end of an axis fitted to its data.
const MARGIN: f64 = 0.04;

impl Scale {
    /// Whether a value has a place on an axis of this scale.
    pub(super) fn shows(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }

    /// The coordinate in which the axis is uniform.
    pub(super) fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log10 => value.log10(),
        }
    }

    /// The inverse of [`Scale::forward`].
    pub(super) fn backward(self, coordinate: f64) -> f64 {
        match self {
            Self::Linear => coordinate,
            Self::Log10 => 10_f64.powf(coordinate),
        }
    }

    /// A range that shows all `values` with a little room, and at least two labelled ticks.
    pub(super) fn fit(self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (low, high) = values
            .filter(|&value| self.shows(value))
            .map(|value| self.forward(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            return (self.backward(0.0), self.backward(1.0));
        }
        let room = match high - low {
            0.0 if self == Self::Log10 => 0.5,
            0.0 => 0.5 * low.abs().max(1.0),
            span => MARGIN * span,
        };
        let (mut low, mut high) = (low - room, high + room);
        if self == Self::Log10 && high - low < 1.0 {
            (low, high) = (snap_down(low), snap_up(high));
        }
        (self.backward(low), self.backward(high))
    }
}

/// Where ticks stand within a decade: at 1, 2 and 5.
fn within_decade() -> [f64; 3] {
    [0.0, 2_f64.log10(), 5_f64.log10()]
}

fn snap_down(exponent: f64) -> f64 {
    let decade = exponent.floor();
    let below = |step: &f64| decade + step <= exponent;
    decade + within_decade().into_iter().rev().find(below).unwrap_or(0.0)
}

fn snap_up(exponent: f64) -> f64 {
    let decade = exponent.floor();
    let above = |step: &f64| decade + step >= exponent;
    decade + within_decade().into_iter().find(above).unwrap_or(1.0)
}

/// The distance of ticks on an axis of whole numbers: 1, 2 or 5 times a power of ten; fewer ticks where labels are long.
pub(super) fn whole_step((low, high): (f64, f64)) -> f64 {
    let most = if high < 1000.0 { 8.0 } else { 5.0 };
    let least = ((high - low) / most).max(1.0).log10();
    10_f64.powf(snap_up(least - 1e-9)).round()
}

/// How the ticks of an axis from `low` to `high` are labelled: plain numbers, or powers of ten where a
/// logarithmic axis is long and where numbers are large. Returns a function of the tick's value.
pub(super) fn tick_label(
    scale: Scale,
    low: f64,
    high: f64,
) -> impl Fn(f64) -> String + Send + Sync + 'static {
    let plain = match scale {
        Scale::Linear => low.abs().max(high.abs()) < 1e5,
        Scale::Log10 => {
            let short = (high / low).log10() < 2.5;
            low >= 0.0009 && high <= if short { 1e5 } else { 20_000.0 }
        }
    };
    let between_powers = scale == Scale::Log10 && high.log10().floor() > low.log10().ceil();
    // The library asks for the labels of both ends of an axis too, which need not be round.
    let unit = match scale {
        Scale::Linear => 10_f64.powf((high - low).log10().floor() - 2.0),
        Scale::Log10 => 0.0,
    };
    let round = move |value: f64| {
        if unit > 0.0 {
            (value / unit).round() * unit
        } else {
            value
        }
    };
    move |value| {
        if plain || value == 0.0 {
            number(round(value))
        } else {
            power_of_ten(value, between_powers)
        }
    }
}

/// A number as short as it can be told, with a true minus sign.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let text = if magnitude >= 1e-6 {
        format!("{}", (magnitude * 1e9).round() / 1e9)
    } else {
        format!("{magnitude:e}")
    };
    let sign = if value < 0.0 { "−" } else { "" };
    if magnitude < 1e-12 {
        "0".to_owned()
    } else {
        format!("{sign}{text}")
    }
}

/// `10³` or `2·10³`; between powers that are labelled, `2` and `5` stand for themselves and other values for nothing.
fn power_of_ten(value: f64, between_powers: bool) -> String {
    let exponent = (value.abs().log10() + 1e-9).floor();
    let mantissa = value / 10_f64.powf(exponent);
    let power = format!("10{}", superscript(exponent as i32));
    if (mantissa - 1.0).abs() < 1e-6 {
        power
    } else if between_powers {
        let subdivides = [2.0, 5.0].iter().any(|tick| (mantissa - tick).abs() < 1e-6);
        if subdivides {
            number(mantissa.round())
        } else {
            String::new()
        }
    } else {
        format!("{}·{power}", number((mantissa * 1e6).round() / 1e6))
    }
}

fn superscript(exponent: i32) -> String {
    let raised = |digit| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    };
    exponent.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_read_as_people_write_them() {
        let plain = tick_label(Scale::Log10, 0.05, 2.0);
        assert_eq!([0.05, 0.1, 2.0].map(plain), ["0.05", "0.1", "2"]);
        let powers = tick_label(Scale::Log10, 1e-5, 1.0);
        assert_eq!(
            [1e-5, 2e-5, 3e-5, 5e-5, 0.1].map(powers),
            ["10⁻⁵", "2", "", "5", "10⁻¹"]
        );
        let inside_a_decade = tick_label(Scale::Log10, 2e5, 8e5);
        assert_eq!(inside_a_decade(5e5), "5·10⁵");
        let linear = tick_label(Scale::Linear, -0.3, 0.3);
        assert_eq!(
            [-0.2, 0.0, 0.30000000000000004].map(linear),
            ["−0.2", "0", "0.3"]
        );
        assert_eq!(tick_label(Scale::Linear, 0.0, 4e6)(1.5e6), "1.5·10⁶");
        let ends = tick_label(Scale::Linear, 0.686_713_2, 2.561_234_5);
        assert_eq!([0.75, 2.561_234_5].map(ends), ["0.75", "2.56"]);
    }

    #[test]
    fn whole_numbers_are_ticked_at_round_ones() {
        let steps =
            [2.0, 8.0, 12.0, 30.0, 990.0, 4.2e4, 9e4, 6e5].map(|most| whole_step((0.0, most)));
        assert_eq!(steps, [1.0, 1.0, 2.0, 5.0, 200.0, 1e4, 2e4, 2e5]);
        let two_decades = tick_label(Scale::Log10, 420.0, 6e4);
        assert_eq!([500.0, 2e3, 5e4].map(two_decades), ["500", "2000", "50000"]);
    }

    #[test]
    fn a_fitted_range_shows_all_values_and_two_ticks() {
        let (low, high) = Scale::Log10.fit([0.3, 0.41, -1.0, f64::NAN].into_iter());
        assert!(
            (low - 0.2).abs() < 1e-12 && (high - 0.5).abs() < 1e-12,
            "{low} {high}"
        );
        let (low, high) = Scale::Linear.fit([2.0, 4.0].into_iter());
        assert!(low < 2.0 && high > 4.0);
        for scale in [Scale::Linear, Scale::Log10] {
            for values in [vec![], vec![3.0], vec![0.0, 0.0]] {
                let (low, high) = scale.fit(values.into_iter());
                assert!(low < high && scale.shows(low) && scale.shows(high));
            }
        }
    }
}
