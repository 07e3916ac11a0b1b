//! Evaluates Jsonnet files as ecspresso does with go-jsonnet: its natives, imports without a library path, external
//! variables, a stack of 500 calls, and the same manifested JSON (ecspresso v2 `config.go`, `jsonnet.go`).

mod host;
mod images;
mod message;
mod nesting;
mod values;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::program::{Program, Thunk};

use crate::ecspresso::error::Error;
use crate::ecspresso::files::MAX_SIZE;
use crate::ecspresso::jsonnet::host::Host;
use crate::ecspresso::lookups::{Depth, Lookups};
use crate::ecspresso::plugins::Native;
use crate::ecspresso::source::Source;

/// go-jsonnet's `MaxStack`.
const MAX_STACK: usize = 500;

/// The parser recurses on the nesting of the source; `nesting` keeps it below what this stack holds in a debug build.
const STACK_SIZE: usize = 128 * 1024 * 1024;

/// An external variable.
#[derive(Clone, Debug)]
pub(super) enum External {
    /// `--ext-str`: a string.
    Text(String),
    /// `--ext-code`: a Jsonnet expression.
    Code(String),
}

/// What a Jsonnet program may see of the world.
#[derive(Clone, Copy, Debug)]
pub(super) struct World<'a> {
    pub(super) directory: &'a Path,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) external: &'a BTreeMap<String, External>,
    pub(super) natives: &'a [Native],
    pub(super) lookups: &'a Arc<Lookups>,
}

/// A manifested program.
#[derive(Debug)]
pub(super) struct Manifested {
    /// The JSON text.
    pub(super) text: String,
    /// The file itself, then all it imported.
    pub(super) sources: Vec<Source>,
    /// The output of `std.trace`.
    pub(super) traces: Vec<String>,
}

/// Evaluates `source`.
pub(super) fn evaluate(source: Source, world: World<'_>) -> Result<Manifested, Error> {
    let name = source.name.clone();
    let broken = || {
        Error::new(format!(
            "cannot evaluate {}: the evaluator failed",
            name.display()
        ))
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_SIZE);
        match builder.spawn_scoped(scope, || run(source, world)) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(broken())),
            Err(_) => Err(broken()),
        }
    })
}

fn run(source: Source, world: World<'_>) -> Result<Manifested, Error> {
    // The whole first: it shows what is wrong outside of the images too.
    let whole = once(source.clone(), world, Part::Whole);
    match whole {
        Err(error) if error.cause().is_some() && world.lookups.depth == Depth::Images => {
            once(source, world, Part::Images)
        }
        whole => whole,
    }
}

/// How much of a program is evaluated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// What `images` selects.
    Images,
}

fn once(source: Source, world: World<'_>, part: Part) -> Result<Manifested, Error> {
    let name = source.name.clone();
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    program.set_max_stack(MAX_STACK);
    let mut host = Host::new(world);
    let main = host.load(&mut program, source)?;
    host.register(&mut program);
    let text = match part {
        Part::Whole => manifest(&mut program, &mut host, &main)?,
        Part::Images => images::select(&mut program, &mut host, &main)?,
    };
    if text.len() > MAX_SIZE {
        return Err(Error::new(format!(
            "{} evaluates to more than {} MiB",
            name.display(),
            MAX_SIZE >> 20
        )));
    }
    let (sources, traces) = host.into_parts();
    Ok(Manifested {
        text,
        sources,
        traces,
    })
}

fn manifest<'p>(
    program: &mut Program<'p>,
    host: &mut Host<'_, 'p>,
    main: &Thunk<'p>,
) -> Result<String, Error> {
    let mut value = program
        .eval_value(main, host)
        .map_err(|error| host.evaluation_error(program, error))?;
    if value.is_function() {
        // go-jsonnet calls a top-level function whose parameters all have defaults.
        value = program
            .eval_call(main, &[], &[], host)
            .map_err(|error| host.evaluation_error(program, error))?;
    }
    let mut text = program
        .manifest_json(&value, true)
        .map_err(|error| host.evaluation_error(program, error))?;
    text.push('\n');
    Ok(text)
}
