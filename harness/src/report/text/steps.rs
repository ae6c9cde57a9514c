//! The table of steps: what each took, in guest instructions and in wall time.

use std::fmt::Write as _;

use crate::report::Step;

/// Steps of the same name in one line.
pub(super) fn steps(out: &mut String, steps: &[Step]) {
    if steps.is_empty() {
        return;
    }
    line!(out);
    line!(out, "time per step          guest instructions     wall");
    // Steps of the same name are added up, in the order of their first appearance.
    let mut sums: Vec<(&str, u32, Option<u64>, u64)> = Vec::new();
    for step in steps {
        let (instructions, wall) = (
            step.instructions,
            step.wall_microseconds.unwrap_or_default(),
        );
        match sums.iter_mut().find(|(name, ..)| *name == step.name) {
            Some((_, times, all_instructions, all_wall)) => {
                *times += 1;
                *all_instructions = match (*all_instructions, instructions) {
                    (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
                    (one, other) => one.or(other),
                };
                *all_wall = wall.saturating_add(*all_wall);
            }
            None => sums.push((&step.name, 1, instructions, wall)),
        }
    }
    for (name, times, instructions, wall) in sums {
        let repeated = if times > 1 {
            format!("{name} x{times}")
        } else {
            name.to_owned()
        };
        let instructions =
            instructions.map_or_else(|| "not counted".to_owned(), |count| count.to_string());
        line!(
            out,
            "  {repeated:<22} {instructions:>16} {:>8}.{:03} s",
            wall / 1_000_000,
            wall / 1000 % 1000
        );
    }
}
