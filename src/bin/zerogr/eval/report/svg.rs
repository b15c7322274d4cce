//! Pieces of charts. Coordinates are pixels from the upper left corner.

use super::html::escape;

/// A picture of this size, described for those who cannot see it.
pub fn picture(width: f64, height: f64, description: &str, content: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{}\">\n{content}</svg>\n",
        escape(description)
    )
}

/// A text; `anchor` is `start`, `middle` or `end`.
pub fn text(x: f64, y: f64, anchor: &str, class: &str, content: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>\n",
        escape(content)
    )
}

/// A straight line.
pub fn line(from: (f64, f64), to: (f64, f64), class: &str) -> String {
    format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" class=\"{class}\"/>\n",
        from.0, from.1, to.0, to.1
    )
}

/// A filled rectangle with a text that is shown when pointed at.
pub fn bar(x: f64, y: f64, width: f64, height: f64, fill: &str, tip: &str) -> String {
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{fill}\">\
         <title>{}</title></rect>\n",
        width.max(0.0),
        escape(tip)
    )
}

/// A line through points.
pub fn path(points: &[(f64, f64)], colour: &str) -> String {
    let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" \
         stroke-linejoin=\"round\"/>\n",
        points.collect::<Vec<_>>().join(" ")
    )
}

/// A scale from `low..high` to `from..to` by the logarithm.
pub struct LogScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// `low` and `high` are positive; equal ends are moved apart.
    pub fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = low.max(1e-9);
        LogScale {
            low,
            high: high.max(low * 1.001),
            from,
            to,
        }
    }

    /// Where between the ends a value lies: 0 to 1 inside.
    pub fn share(&self, value: f64) -> f64 {
        (value.max(1e-9) / self.low).ln() / (self.high / self.low).ln()
    }

    /// Where a value is drawn.
    pub fn place(&self, value: f64) -> f64 {
        self.from + self.share(value) * (self.to - self.from)
    }

    /// The powers of ten that lie inside, and over short ranges 2 and 5 times these, too.
    pub fn ticks(&self) -> Vec<f64> {
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let factors: &[f64] = match self.high / self.low > 300.0 {
            true => &[1.0],
            false => &[1.0, 2.0, 5.0],
        };
        let steps = (first..=last)
            .flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
        let inside = |tick: &f64| *tick >= self.low * 0.999 && *tick <= self.high * 1.001;
        steps.filter(inside).collect()
    }
}

/// A number without needless digits.
pub fn short(value: f64) -> String {
    match value {
        value if value >= 1.0 => format!("{value:.0}"),
        value => format!("{value:.3}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_scale_has_even_steps() {
        let scale = LogScale::new(1.0, 100.0, 0.0, 200.0);
        for (value, place) in [(1.0, 0.0), (10.0, 100.0), (100.0, 200.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9);
        }
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        let long = LogScale::new(0.05, 50.0, 0.0, 200.0).ticks();
        assert!(
            long.iter()
                .zip([0.1, 1.0, 10.0])
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
        let single = LogScale::new(0.0, 0.0, 0.0, 200.0);
        assert!(single.place(0.0).is_finite());
        assert_eq!([short(0.05), short(2.0)], ["0.05", "2"]);
    }
}
