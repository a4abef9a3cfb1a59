//! The commands of a Markdown document, each with what it prints.

/// A command and what it prints.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Step {
    /// Of the document, where the command begins; the first is 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    /// Empty where it prints nothing.
    pub(crate) shown: String,
    /// Whether its lines may come in any order.
    pub(crate) any_order: bool,
}

/// A fenced block.
#[derive(Default)]
struct Block {
    line: usize,
    /// What stands behind the opening fence.
    info: String,
    text: String,
    /// Whether nothing but empty lines stands between it and the block before it.
    is_directly_behind: bool,
}

/// In the order of the document. Panics for a block that is neither a command nor the output of one: a mistyped one would never
/// run.
pub(crate) fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut waits_for_output = false;
    for Block { line, info, text, is_directly_behind } in blocks(markdown) {
        match (info.as_str(), steps.last_mut()) {
            ("sh", _) => steps.push(Step { line, command: text, ..Step::default() }),
            ("json" | "text" | "json any order" | "text any order", Some(step))
                if waits_for_output && is_directly_behind =>
            {
                step.shown = text;
                step.any_order = info.ends_with("any order");
            }
            _ => panic!("line {line}: a block {info:?} is neither a command nor directly behind one"),
        }
        waits_for_output = info == "sh";
    }
    steps
}

fn blocks(markdown: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut prose) = (Vec::new(), None::<Block>, true);
    for (number, line) in (1..).zip(markdown.lines()) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open =
                    Some(Block { line: number + 1, info: info.into(), is_directly_behind: !prose, ..Block::default() });
            }
            (None, None) => prose |= !line.is_empty(),
            (Some(_), Some(_)) => {
                blocks.extend(open.take());
                prose = false;
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

#[test]
fn commands_are_found_with_what_they_print() {
    let steps = steps(
        "Words.\n\n```sh\nls \\\n  a\n```\n\n```text\na\n```\n\n```sh\ntrue\n```\nWords.\n```sh\nls\n```\n```json any order\n{\n}\n```\n",
    );
    let step = |line, command: &str, shown: &str, any_order| Step {
        line,
        command: command.into(),
        shown: shown.into(),
        any_order,
    };
    let expected =
        [step(4, "ls \\\n  a\n", "a\n", false), step(13, "true\n", "", false), step(17, "ls\n", "{\n}\n", true)];
    assert_eq!(steps, expected);
}

#[test]
#[should_panic(expected = "line 7: a block \"text\"")]
fn an_output_belongs_to_the_command_before_it() {
    steps("```sh\nls\n```\n\nWords.\n```text\na\n```\n");
}

#[test]
#[should_panic(expected = "line 2: a block \"bash\"")]
fn a_block_that_would_never_run_is_a_mistake() {
    steps("```bash\nls\n```\n");
}
