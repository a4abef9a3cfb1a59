//! Parses the shell commands of a Markdown document with their documented output.

/// A command with its documented output.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Step {
    /// Line of the document at which the command starts, counted from 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    /// Documented output; empty if the command prints nothing.
    pub(crate) shown: String,
    /// Whether the output lines can come in any order.
    pub(crate) any_order: bool,
}

/// A fenced block.
#[derive(Default)]
struct Block {
    line: usize,
    /// Text after the opening fence.
    info: String,
    text: String,
    /// Whether only empty lines separate this block from the previous block.
    follows_directly: bool,
}

/// Returns the steps in document order. Panics on a block that is neither a command nor the output of one, because a command
/// with a mistyped language would never run.
pub(crate) fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut expects_output = false;
    for Block { line, info, text, follows_directly } in blocks(markdown) {
        match (info.as_str(), steps.last_mut()) {
            ("sh", _) => steps.push(Step { line, command: text, ..Step::default() }),
            ("json" | "text" | "json any order" | "text any order", Some(step))
                if expects_output && follows_directly =>
            {
                step.shown = text;
                step.any_order = info.ends_with("any order");
            }
            _ => panic!("line {line}: a block {info:?} is neither a command nor directly after one"),
        }
        expects_output = info == "sh";
    }
    steps
}

fn blocks(markdown: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut prose) = (Vec::new(), None::<Block>, true);
    for (number, line) in (1..).zip(markdown.lines()) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open =
                    Some(Block { line: number + 1, info: info.into(), follows_directly: !prose, ..Block::default() });
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
    assert!(open.is_none(), "the last fenced block is not closed");
    blocks
}

#[test]
fn commands_are_parsed_with_their_output() {
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
fn output_must_directly_follow_its_command() {
    steps("```sh\nls\n```\n\nWords.\n```text\na\n```\n");
}

#[test]
#[should_panic(expected = "line 2: a block \"bash\"")]
fn unknown_block_types_are_rejected() {
    steps("```bash\nls\n```\n");
}
