//! Colours that stay apart for colour-blind readers and in print.

use std::fmt;

use kuva::plot::ColorMap;
use serde::{Serialize, Serializer};

/// An opaque colour: red, green, blue. Written as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Black.
    pub const BLACK: Self = Self(0, 0, 0);
    /// A middle grey for what stands in the background.
    pub const GREY: Self = Self(127, 127, 127);
    /// Okabe and Ito's blue.
    pub const BLUE: Self = Self(0, 114, 178);
    /// Okabe and Ito's vermilion.
    pub const VERMILION: Self = Self(213, 94, 0);
    /// Okabe and Ito's bluish green.
    pub const GREEN: Self = Self(0, 158, 115);
    /// Okabe and Ito's reddish purple.
    pub const PURPLE: Self = Self(204, 121, 167);
    /// Okabe and Ito's orange.
    pub const ORANGE: Self = Self(230, 159, 0);
    /// Okabe and Ito's sky blue.
    pub const SKY: Self = Self(86, 180, 233);

    /// The `index`-th colour for series without an order (Okabe and Ito, without yellow, which vanishes on
    /// white), starting again after the last.
    pub fn cycle(index: usize) -> Self {
        const ALL: [Colour; 6] = [
            Colour::BLUE,
            Colour::VERMILION,
            Colour::GREEN,
            Colour::PURPLE,
            Colour::ORANGE,
            Colour::SKY,
        ];
        ALL[index % ALL.len()]
    }

    /// The colour of the `index`-th level line of a heat map, told from viridis and from the others.
    pub fn level(index: usize) -> Self {
        const ALL: [Colour; 4] = [
            Colour::BLACK,
            Colour::VERMILION,
            Colour::PURPLE,
            Colour(255, 255, 255),
        ];
        ALL[index % ALL.len()]
    }

    /// The `index`-th of `count` colours for series with an order: viridis from dark to light, without its
    /// lightest end.
    pub fn ramp(index: usize, count: usize) -> Self {
        let steps = count.saturating_sub(1).max(1);
        let position = 0.88 * (index.min(steps) as f64) / steps as f64;
        match ColorMap::Viridis.map_rgb(position) {
            Some((red, green, blue)) => Self(red, green, blue),
            None => Self::GREY,
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_lighter() {
        let lightness = |c: Colour| 2 * u32::from(c.0) + 5 * u32::from(c.1) + u32::from(c.2);
        for count in [2, 3, 6, 10] {
            let ramp: Vec<_> = (0..count)
                .map(|i| lightness(Colour::ramp(i, count)))
                .collect();
            assert!(ramp.windows(2).all(|pair| pair[0] < pair[1]), "{ramp:?}");
        }
        assert_eq!(Colour::ramp(0, 0), Colour::ramp(0, 1));
    }
}
