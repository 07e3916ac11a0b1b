//! Walks a parsed template before it is executed: refuses what Go refuses at parse time and gotmpl only when it gets
//! there (unknown functions and variables, `break` outside `range`), and inserts the hidden calls of `trace` and, before
//! whatever looks at a value, of [`SEE`].

use gotmpl::parse::{
    ActionNode, BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr,
    TextNode,
};

use crate::ecspresso::functions::Functions;
use crate::ecspresso::template::problem::Problem;
use crate::ecspresso::template::trace::{AT, BOUND};

/// The functions every Go template has (text/template `funcs.go`).
const BUILT_IN: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
    "print", "printf", "println", "slice", "urlquery",
];

/// The functions whose results are not their arguments.
const COMPARISONS: [&str; 7] = ["eq", "ge", "gt", "le", "lt", "ne", "not"];

/// The built-in functions whose result shows more of their arguments than the text itself. `and` and `or` look at all
/// but the last; `printf` looks for itself.
const LOOKING: [&str; 11] = [
    "call", "eq", "ge", "gt", "index", "le", "len", "lt", "ne", "not", "slice",
];

/// The hidden function that asks for the look-up behind a token. No template can name it.
pub(super) const SEE: &str = "\u{0}see";

/// Instruments the tree of one template of `source`.
pub(super) fn tree(
    tree: ListNode,
    source: &str,
    functions: &Functions,
) -> Result<ListNode, Problem> {
    Pass {
        source,
        functions,
        variables: vec!["$".into()],
        ranges: 0,
    }
    .list(tree)
}

struct Pass<'a> {
    source: &'a str,
    functions: &'a Functions,
    /// The variables in scope; a block drops those it declared.
    variables: Vec<SmolStr>,
    ranges: usize,
}

impl Pass<'_> {
    fn list(&mut self, list: ListNode) -> Result<ListNode, Problem> {
        let mut nodes = Vec::with_capacity(list.nodes.len() * 2);
        for node in list.nodes {
            nodes.extend(self.place(&node));
            nodes.push(self.node(node)?);
        }
        Ok(ListNode {
            pos: list.pos,
            nodes,
        })
    }

    fn node(&mut self, node: Node) -> Result<Node, Problem> {
        Ok(match node {
            Node::Action(action) => Node::Action(ActionNode {
                pos: action.pos,
                pipe: self.pipe(action.pipe)?,
            }),
            Node::If(branch) => Node::If(self.branch(branch)?),
            Node::With(branch) => Node::With(self.branch(branch)?),
            Node::Range(branch) => {
                self.ranges += 1;
                let branch = self.branch(branch)?;
                self.ranges -= 1;
                Node::Range(branch)
            }
            Node::Template(mut call) => {
                // Without a value a template sees nothing; gotmpl would hand it the dot of its caller.
                call.pipe = Some(match call.pipe {
                    Some(pipe) => self.pipe(pipe)?,
                    None => single(looking(call.pos)),
                });
                Node::Template(call)
            }
            Node::Break(pos) if self.ranges == 0 => {
                return Err(Problem::new("{{break}} outside {{range}}", pos.offset));
            }
            Node::Continue(pos) if self.ranges == 0 => {
                return Err(Problem::new("{{continue}} outside {{range}}", pos.offset));
            }
            Node::List(list) => Node::List(self.list(list)?),
            other @ (Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_)) => other,
        })
    }

    fn branch(&mut self, branch: BranchNode) -> Result<BranchNode, Problem> {
        let outer = self.variables.len();
        let mut pipe = self.pipe(branch.pipe)?;
        pipe.commands.push(looking(pipe.pos));
        let body = self.list(branch.body)?;
        let else_body = branch.else_body.map(|body| self.list(body)).transpose()?;
        self.variables.truncate(outer);
        Ok(BranchNode {
            pos: branch.pos,
            pipe,
            body,
            else_body,
        })
    }

    fn pipe(&mut self, pipe: PipeNode) -> Result<PipeNode, Problem> {
        if pipe.is_assign {
            for name in &pipe.decl {
                self.variable(name, pipe.pos)?;
            }
        } else {
            // Go declares before it parses the value, so a value may use what it declares.
            self.variables.extend(pipe.decl.iter().cloned());
        }
        let mut commands = Vec::with_capacity(pipe.commands.len() + 1);
        for (index, command) in pipe.commands.into_iter().enumerate() {
            if index > 0 && is_literal(&command) {
                let message = format!("non executable command in pipeline stage {}", index + 1);
                return Err(Problem::new(message, command.pos.offset));
            }
            if index > 0 && first_name(&command).is_some_and(|name| LOOKING.contains(&name)) {
                commands.push(looking(command.pos));
            }
            commands.push(self.command(command, index > 0)?);
        }
        if commands
            .iter()
            .any(|command| matches!(command.args.first(), Some(Expr::Identifier(..))))
        {
            commands.push(CommandNode {
                pos: pipe.pos,
                args: vec![Expr::Identifier(pipe.pos, BOUND.into())],
            });
        }
        Ok(PipeNode { commands, ..pipe })
    }

    /// `piped` says that the last argument comes from the command before.
    fn command(&mut self, command: CommandNode, piped: bool) -> Result<CommandNode, Problem> {
        let comparing = first_name(&command).is_some_and(|name| COMPARISONS.contains(&name));
        let looking = first_name(&command).is_some_and(|name| LOOKING.contains(&name));
        let choosing = matches!(first_name(&command), Some("and" | "or"));
        let last = command.args.len().saturating_sub(1);
        let mut args = Vec::with_capacity(command.args.len() + 1);
        for (index, arg) in command.args.into_iter().enumerate() {
            match arg {
                Expr::Identifier(pos, name) if index == 0 => {
                    self.function(&name, pos)?;
                    let own = self.functions.contains(&name);
                    args.push(Expr::Identifier(pos, name));
                    args.extend(own.then(|| place_argument(pos)));
                }
                Expr::Chain(pos, inner, fields) if index == 0 => {
                    let own = match &*inner {
                        Expr::Identifier(pos, name) => {
                            self.function(name, *pos)?;
                            self.functions.contains(name)
                        }
                        _ => false,
                    };
                    let inner = if own {
                        *inner
                    } else {
                        self.expression(*inner)?
                    };
                    args.push(Expr::Chain(pos, Box::new(inner), fields));
                    args.extend(own.then(|| place_argument(pos)));
                }
                Expr::Number(_, Number::Float(number)) if comparing && number.is_finite() => {
                    args.push(arg)
                }
                other => {
                    let seen = index > 0 && (looking || choosing && (piped || index < last));
                    let expression = self.expression(other)?;
                    args.push(if seen { see(expression) } else { expression });
                }
            }
        }
        Ok(CommandNode {
            pos: command.pos,
            args,
        })
    }

    fn expression(&mut self, expression: Expr) -> Result<Expr, Problem> {
        Ok(match expression {
            Expr::Identifier(pos, name) => {
                self.function(&name, pos)?;
                match self.functions.contains(&name) {
                    true => Expr::Pipe(pos, call(pos, name)),
                    false => Expr::Identifier(pos, name),
                }
            }
            Expr::Variable(pos, name, fields) => {
                self.variable(&name, pos)?;
                Expr::Variable(pos, name, fields)
            }
            // gotmpl prints floats differently from Go.
            Expr::Number(pos, Number::Float(_)) => {
                let message =
                    "a number with a fraction or an exponent is only supported in a comparison";
                return Err(Problem::new(message, pos.offset));
            }
            Expr::Pipe(pos, pipe) => Expr::Pipe(pos, self.pipe(pipe)?),
            Expr::Chain(pos, inner, fields) => {
                Expr::Chain(pos, Box::new(self.expression(*inner)?), fields)
            }
            other => other,
        })
    }

    fn function(&self, name: &str, pos: Pos) -> Result<(), Problem> {
        if self.functions.contains(name) || BUILT_IN.contains(&name) {
            return Ok(());
        }
        Err(Problem::new(
            format!("function \"{name}\" not defined"),
            pos.offset,
        ))
    }

    fn variable(&self, name: &SmolStr, pos: Pos) -> Result<(), Problem> {
        if self.variables.contains(name) {
            return Ok(());
        }
        Err(Problem::new(
            format!("undefined variable \"{name}\""),
            pos.offset,
        ))
    }

    /// The hidden call that reports where the output of `node` comes from.
    fn place(&self, node: &Node) -> Option<Node> {
        let (pos, verbatim) = match node {
            Node::Text(text) => (self.start_of_text(text), true),
            Node::Action(ActionNode { pos, .. })
            | Node::If(BranchNode { pos, .. })
            | Node::With(BranchNode { pos, .. })
            | Node::Range(BranchNode { pos, .. }) => (*pos, false),
            Node::Template(call) => (call.pos, false),
            Node::List(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_) => return None,
        };
        let args = vec![
            Expr::Identifier(pos, AT.into()),
            offset(pos),
            Expr::Bool(pos, verbatim),
        ];
        Some(Node::Action(ActionNode {
            pos,
            pipe: single(CommandNode { pos, args }),
        }))
    }

    /// A trim marker may have removed space at the start of a text.
    fn start_of_text(&self, text: &TextNode) -> Pos {
        let rest = self.source.get(text.pos.offset..).unwrap_or_default();
        let trimmed = if rest.starts_with(&*text.text) {
            0
        } else {
            rest.len() - rest.trim_start().len()
        };
        Pos {
            offset: text.pos.offset + trimmed,
            line: text.pos.line,
        }
    }
}

/// The function a command calls.
fn first_name(command: &CommandNode) -> Option<&str> {
    match command.args.first() {
        Some(Expr::Identifier(_, name)) => Some(name),
        Some(Expr::Chain(_, inner, _)) => match &**inner {
            Expr::Identifier(_, name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a command is a value that nothing can be piped into.
fn is_literal(command: &CommandNode) -> bool {
    matches!(
        command.args.first(),
        Some(Expr::Bool(..) | Expr::Dot(..) | Expr::Nil(..) | Expr::Number(..) | Expr::String(..))
    )
}

fn looking(pos: Pos) -> CommandNode {
    CommandNode {
        pos,
        args: vec![Expr::Identifier(pos, SEE.into())],
    }
}

/// The expression behind a look, if it may be a token.
fn see(expression: Expr) -> Expr {
    let pos = match &expression {
        Expr::Pipe(pos, _)
        | Expr::Chain(pos, ..)
        | Expr::Variable(pos, ..)
        | Expr::Field(pos, ..)
        | Expr::Dot(pos)
        | Expr::Identifier(pos, _) => *pos,
        _ => return expression,
    };
    let args = vec![Expr::Identifier(pos, SEE.into()), expression];
    Expr::Pipe(pos, single(CommandNode { pos, args }))
}

fn call(pos: Pos, name: SmolStr) -> PipeNode {
    single(CommandNode {
        pos,
        args: vec![Expr::Identifier(pos, name), place_argument(pos)],
    })
}

fn single(command: CommandNode) -> PipeNode {
    PipeNode {
        pos: command.pos,
        decl: Vec::new(),
        commands: vec![command],
        is_assign: false,
    }
}

/// The hidden first argument of our own functions.
fn place_argument(pos: Pos) -> Expr {
    offset(pos)
}

fn offset(pos: Pos) -> Expr {
    Expr::Number(pos, Number::Int(i64::try_from(pos.offset).unwrap_or(0)))
}
