//! Medians and ratios of interleaved rounds, formatted for Markdown tables.

use std::time::Duration;

/// Cost of one run of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Wall-clock time.
    pub(crate) wall: Duration,
    /// CPU time of the measured process: the one between client and origin, or the client.
    pub(crate) cpu: Duration,
}

/// The samples of one variant of a scenario, one per round.
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

    /// Returns the spread of the per-round ratios of this series to `other`.
    pub(crate) fn ratio(&self, other: &Self, of: impl Fn(&Sample) -> Duration) -> Spread {
        let ratios = self.0.iter().zip(&other.0).map(|(a, b)| of(a).as_secs_f64() / of(b).as_secs_f64());
        Spread::of(ratios.collect())
    }
}

/// Median, minimum and maximum of the per-round values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    median: f64,
    minimum: f64,
    maximum: f64,
}

impl Spread {
    pub(crate) fn of(figures: Vec<f64>) -> Self {
        let minimum = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let maximum = figures.iter().copied().fold(0.0, f64::max);
        Self { median: median(figures), minimum, maximum }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.minimum, self.maximum)
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
