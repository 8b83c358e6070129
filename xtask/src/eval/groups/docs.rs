//! The scoreboard's section of the docs, between two marks.

use std::fs;

use anyhow::{Context as _, Result};

use super::markdown;
use crate::{eval::board::Board, shell};

const FILE: &str = "docs/evaluation.md";
const BEGIN: &str = "<!-- scoreboard: written by cargo xtask eval --docs -->";
const END: &str = "<!-- scoreboard: end -->";

/// Writes the section anew; `command` is what made it.
pub(in crate::eval) fn write(board: &Board, command: &str) -> Result<()> {
    let file = shell::workspace().join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let section = format!("`{command}`: {}\n\n{}", markdown::measured_with(board), markdown::groups(board));
    fs::write(&file, replaced(&text, &section)?).with_context(|| format!("can't write {}", file.display()))
}

fn replaced(text: &str, section: &str) -> Result<String> {
    let (before, rest) =
        text.split_once(BEGIN).with_context(|| format!("{FILE} lacks the line '{BEGIN}': add it"))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("{FILE} lacks the line '{END}': add it"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", section.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replaced(&text, "new\n").unwrap(), format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert!(replaced("a", "new").unwrap_err().to_string().contains("lacks the line"));
    }

    #[test]
    fn the_docs_have_both_marks() {
        let text = fs::read_to_string(shell::workspace().join(FILE)).unwrap();
        assert!(replaced(&text, "").is_ok());
    }
}
