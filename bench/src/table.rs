//! Medians and ratios of interleaved rounds, as Markdown.

use std::time::Duration;

/// What one run of a scenario took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// By the wall clock.
    pub(crate) wall: Duration,
    /// CPU of the process between.
    pub(crate) cpu: Duration,
}

/// The samples of one way of doing something, one a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(pub(crate) Vec<Sample>);

impl Series {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    pub(crate) fn median_wall(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.wall.as_secs_f64()).collect())
    }

    pub(crate) fn median_cpu(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.cpu.as_secs_f64()).collect())
    }

    /// The rounds' own ratios.
    pub(crate) fn ratio(&self, other: &Self, of: impl Fn(&Sample) -> Duration) -> Spread {
        let ratios = self.0.iter().zip(&other.0).map(|(a, b)| of(a).as_secs_f64() / of(b).as_secs_f64());
        Spread::of(ratios.collect())
    }
}

/// The median of what the rounds gave, the least and the greatest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    pub(crate) fn of(figures: Vec<f64>) -> Self {
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = figures.iter().copied().fold(0.0, f64::max);
        Self { median: median(figures), least, greatest }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.greatest)
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
