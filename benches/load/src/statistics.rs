//! Medians and ranges of a few rounds. Never a mean, which one slow round would move.

/// Median, minimum and maximum.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// `None` if there are no numbers.
pub fn spread(numbers: &[f64]) -> Option<Spread> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = match (sorted.len() % 2, sorted.get(middle.wrapping_sub(1))) {
        (0, Some(below)) => f64::midpoint(*below, *sorted.get(middle)?),
        _ => *sorted.get(middle)?,
    };
    Some(Spread {
        median,
        least,
        most,
    })
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        let found = spread(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((found.least, found.median, found.most), (1.0, 2.5, 4.0));
        assert_eq!(spread(&[5.0, 1.0, 3.0]).unwrap().median, 3.0);
        assert!(spread(&[]).is_none());
    }
}
