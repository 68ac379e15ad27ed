//! Columns of text that fit a width: narrows columns and wraps cells.
//!
//! Counts characters, not terminal cells: a line with wide characters is longer.

/// Between two columns.
const GAP: &str = "  ";
/// The minimum width of a column; lines exceed the limit rather than narrow it further.
const NARROWEST: usize = 10;

/// Narrows the widest columns to one width so that a row fits into `limit` characters. `None` is no limit.
pub fn fit(widths: &mut [usize], limit: Option<usize>) {
    let (Some(limit), Some(widest)) = (limit, widths.iter().max().copied()) else {
        return;
    };
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let fits = |max: &usize| {
        let narrowed = widths.iter().map(|width| width.min(max));
        narrowed.sum::<usize>() + gaps <= limit
    };
    let max = (NARROWEST..=widest).rev().find(fits).unwrap_or(NARROWEST);
    for width in widths {
        *width = (*width).min(max);
    }
}

/// One row, as tall as its tallest cell, without trailing spaces.
pub fn row(cells: &[String], widths: &[usize]) -> String {
    let wrapped: Vec<Vec<String>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| wrap(cell, *width))
        .collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let parts = wrapped.iter().zip(widths).map(|(lines, width)| {
            let text = lines.get(number).map_or("", String::as_str);
            padded(text, *width)
        });
        let line = parts.collect::<Vec<_>>().join(GAP);
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

/// Pads the text with spaces. Not with a format string, whose width is at most 65,535.
fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// Splits the text into lines of at most `width` characters, between words if possible.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width || width == 0 {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let is_first = used == 0;
        if !is_first && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        } else if !is_first {
            if let Some(line) = lines.last_mut() {
                line.push(' ');
            }
            used += 1;
        }
        for letter in word.chars() {
            if used == width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
            used += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(widths: &[usize], limit: usize) -> Vec<usize> {
        let mut widths = widths.to_vec();
        fit(&mut widths, Some(limit));
        widths
    }

    #[test]
    fn the_widest_columns_are_narrowed_first_and_none_below_the_minimum() {
        assert_eq!(fitted(&[10, 20, 60], 94), [10, 20, 60]);
        assert_eq!(fitted(&[10, 20, 60], 93), [10, 20, 59]);
        assert_eq!(fitted(&[10, 50, 60], 64), [10, 25, 25]);
        assert_eq!(fitted(&[4, 50, 60], 20), [4, 10, 10]);
        assert_eq!(fitted(&[], 20), [0_usize; 0]);
        let mut widths = [1000];
        fit(&mut widths, None);
        assert_eq!(widths, [1000]);
    }

    #[test]
    fn cells_are_wrapped_between_words_and_long_words_are_split() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        let cells = ["name".to_owned(), "one two three".to_owned()];
        assert_eq!(row(&cells, &[6, 7]), "name    one two\n        three");
    }

    #[test]
    fn a_column_may_be_wider_than_a_format_string_allows() {
        let wide = "x".repeat(70_000);
        let cells = [wide.clone(), "y".to_owned()];
        assert_eq!(row(&cells, &[70_001, 1]), format!("{wide}   y"));
    }

    #[test]
    fn no_letter_is_lost_and_no_line_is_too_long() {
        for width in 1..40 {
            let text = "The sign-in risk of 00000003-0000-0ff1-ce00-000000000000 wasn't provided";
            let lines = wrap(text, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width));
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }
}
