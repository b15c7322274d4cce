//! Root-mean-square norms and their gradient.
//!
//! ```text
//!   forward    y  = x·r·w,  r = 1 / sqrt(mean(x²) + epsilon)
//!   backward   dx = r·(g − x·r²·mean(g·x)),  g = dy·w
//! ```

use super::tape::Tape;

/// What the backward pass needs of a forward one.
pub(super) struct Norm {
    weight: String,
    input: String,
    inverse: String,
}

impl Norm {
    /// The norms of the rows of `input`; also returns them.
    pub(super) fn forward(
        tape: &mut Tape,
        input: &str,
        weight: &str,
        epsilon: f32,
    ) -> (Norm, String) {
        let (output, inverse) = tape.rms_norm(input, weight, epsilon);
        let norm = Norm {
            weight: weight.into(),
            input: input.into(),
            inverse,
        };
        (norm, output)
    }

    /// The gradient of the input.
    pub(super) fn backward(&self, tape: &mut Tape, gradient: &str) -> String {
        let (input, inverse) = (&self.input, &self.inverse);
        let weighted = tape.op("Mul", &[gradient, &self.weight]);
        let along = tape.op("Mul", &[&weighted, input]);
        let mean = tape.op("ReduceMean", &[&along, "last_axis"]);
        let squared = tape.op("Mul", &[inverse, inverse]);
        let share = tape.op("Mul", &[&mean, &squared]);
        let outward = tape.op("Mul", &[input, &share]);
        let rest = tape.op("Sub", &[&weighted, &outward]);
        tape.op("Mul", &[&rest, inverse])
    }
}
