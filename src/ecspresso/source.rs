//! A text file as it was read, and the translation of byte offsets into lines and columns.

use std::fmt;
use std::path::PathBuf;

use crate::model::task_definition::Location;

/// Characters of a source line that an excerpt shows; of a longer line, half of it on each side of the column.
const EXCERPT_WIDTH: usize = 140;

/// The source line an error points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line number in the source file, from 1.
    pub line: usize,
    /// The line, or the part of it around the column if it is long. Source text, never rendered text.
    pub text: String,
    /// The column in `text`, in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(self.column.saturating_sub(1));
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{margin} | {indent}^")
    }
}

/// A source text with the name people know it by.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The name in messages; for a file its path, relative to the current directory where it lies below it.
    pub(super) name: PathBuf,
    pub(super) text: String,
    /// Whether messages may quote the text: not if it consists of values (envfiles, rendered definitions).
    pub(super) quotable: bool,
}

impl Source {
    pub(super) fn location(&self, offset: usize) -> Location {
        let (line, column) = line_and_column(&self.text, offset);
        Location {
            file: self.name.clone(),
            line,
            column,
        }
    }

    pub(super) fn excerpt(&self, offset: usize) -> Option<Excerpt> {
        if !self.quotable {
            return None;
        }
        let (line, column) = line_and_column(&self.text, offset);
        let whole: Vec<char> = self
            .text
            .lines()
            .nth(line - 1)?
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let start = match whole.len() <= EXCERPT_WIDTH {
            true => 0,
            false => (column - 1).saturating_sub(EXCERPT_WIDTH / 2),
        };
        let text = whole.iter().skip(start).take(EXCERPT_WIDTH).collect();
        Some(Excerpt {
            line,
            text,
            column: column - start,
        })
    }
}

/// Line and column, both from 1; the column counts characters. An offset past the end means the end.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let column = before[start..]
        .iter()
        .filter(|&&byte| byte & 0xC0 != 0x80)
        .count()
        + 1;
    (line, column)
}

/// The byte offset of a line (from 1) and a byte column (from 1).
pub(super) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (start + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let text = "ab\ncdé\r\nf";
        for (offset, expected) in [
            (0, (1, 1)),
            (2, (1, 3)),
            (3, (2, 1)),
            (5, (2, 3)),
            (7, (2, 4)),
            (9, (3, 1)),
            (99, (3, 2)),
        ] {
            assert_eq!(line_and_column(text, offset), expected, "offset {offset}");
        }
        assert_eq!(offset_of(text, 2, 3), 5);
        assert_eq!(offset_of(text, 9, 9), text.len());
    }

    #[test]
    fn an_excerpt_of_a_long_line_is_cut_around_the_column() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let source = Source {
            name: "long".into(),
            text,
            quotable: true,
        };
        let excerpt = source.excerpt(500).expect("a quotable source");
        assert_eq!(excerpt.text.chars().nth(excerpt.column - 1), Some('X'));
        assert_eq!(excerpt.text.len(), 140);
    }
}
