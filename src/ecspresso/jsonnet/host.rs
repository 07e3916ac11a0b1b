//! What rsjsonnet asks of its host: imports, native functions, traces; and where in the sources an error is.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::program::{
    Callbacks, EvalError, EvalErrorKind, EvalStackTraceItem, ImportError, LoadError, NativeError,
    Program, Thunk, Value,
};
use rsjsonnet_lang::span::{SourceId, SpanContext, SpanId};

use crate::ecspresso::error::{Cause, Error};
use crate::ecspresso::files;
use crate::ecspresso::functions::{Failure, missing_variable};
use crate::ecspresso::jsonnet::{External, World, message, nesting, values};
use crate::ecspresso::plugins::Call;
use crate::ecspresso::source::Source;

/// The host of one evaluation.
pub(super) struct Host<'a, 'p> {
    world: World<'a>,
    sources: Vec<Source>,
    by_id: HashMap<SourceId, usize>,
    imported: HashMap<PathBuf, Thunk<'p>>,
    natives: BTreeMap<String, Native>,
    traces: Vec<String>,
    /// Why an import failed; rsjsonnet's own error carries no reason.
    import_failure: Option<Error>,
    /// Why a native function failed.
    native_failure: Option<Failure>,
}

#[derive(Clone, Debug)]
enum Native {
    Env,
    MustEnv,
    Plugin(Arc<Call>),
}

impl<'a, 'p> Host<'a, 'p> {
    pub(super) fn new(world: World<'a>) -> Host<'a, 'p> {
        Host {
            world,
            sources: Vec::new(),
            by_id: HashMap::new(),
            imported: HashMap::new(),
            natives: BTreeMap::new(),
            traces: Vec::new(),
            import_failure: None,
            native_failure: None,
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Source>, Vec<String>) {
        (self.sources, self.traces)
    }

    /// Parses a source.
    pub(super) fn load(
        &mut self,
        program: &mut Program<'p>,
        source: Source,
    ) -> Result<Thunk<'p>, Error> {
        if let Err(offset) = nesting::check(&source.text) {
            return Err(Error::at("the Jsonnet is nested too deep", &source, offset));
        }
        let (context, id) = program
            .span_manager_mut()
            .insert_source_context(source.text.len());
        let name = source.name.to_string_lossy().into_owned();
        let text = source.text.clone();
        self.by_id.insert(id, self.sources.len());
        self.sources.push(source);
        program
            .load_source(context, text.as_bytes(), true, &name)
            .map_err(|error| self.load_error(program, &error))
    }

    /// Parses a source that is ours: no message names it.
    pub(super) fn load_aside(
        &mut self,
        program: &mut Program<'p>,
        source: Source,
    ) -> Result<Thunk<'p>, Error> {
        let spans = program.span_manager_mut();
        let (context, _) = spans.insert_source_context(source.text.len());
        program
            .load_source(context, source.text.as_bytes(), true, "")
            .map_err(|error| self.load_error(program, &error))
    }

    /// Adds the native functions and the external variables.
    pub(super) fn register(&mut self, program: &mut Program<'p>) {
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, native, names) in [
            ("env", Native::Env, vec!["name", "default"]),
            ("must_env", Native::MustEnv, vec!["name"]),
        ] {
            self.natives.insert(name.to_owned(), native);
            parameters.insert(
                name.to_owned(),
                names.into_iter().map(str::to_owned).collect(),
            );
        }
        // A plugin's function of the same name replaces them, as in ecspresso.
        for native in self.world.natives {
            self.natives.insert(
                native.name.clone(),
                Native::Plugin(Arc::clone(&native.call)),
            );
            parameters.insert(native.name.clone(), native.parameters.clone());
        }
        for (name, parameters) in parameters {
            let parameters: Vec<_> = parameters
                .iter()
                .map(|parameter| program.intern_str(parameter))
                .collect();
            program.register_native_func(program.intern_str(&name), &parameters);
        }
        for (name, external) in self.world.external {
            let thunk = match external {
                External::Text(text) => program.value_to_thunk(&Value::string(text)),
                External::Code(code) => self.external_code(program, name, code),
            };
            program.add_ext_var(program.intern_str(name), &thunk);
        }
    }

    /// Code that does not parse fails where it is used, as in go-jsonnet.
    fn external_code(&mut self, program: &mut Program<'p>, name: &str, code: &str) -> Thunk<'p> {
        let source = |text: &str| Source {
            name: format!("<extvar:{name}>").into(),
            text: text.to_owned(),
            quotable: false,
        };
        self.load(program, source(code)).unwrap_or_else(|error| {
            let text = serde_json::Value::String(error.to_string()).to_string();
            self.load(program, source(&format!("error {text}")))
                .unwrap_or_else(|_| program.value_to_thunk(&Value::null()))
        })
    }

    pub(super) fn evaluation_error(&mut self, program: &Program<'p>, error: EvalError) -> Error {
        if matches!(error.kind, EvalErrorKind::ImportFailed { .. })
            && let Some(failure) = self.import_failure.take()
        {
            return failure;
        }
        let failure = match (&error.kind, self.native_failure.take()) {
            (EvalErrorKind::NativeCallFailed, Some(failure)) => failure,
            (kind, _) => Failure::new(message::evaluation(kind)),
        };
        let trace = error.stack_trace.iter().rev().filter_map(span_of);
        let place = message::span(&error.kind)
            .into_iter()
            .chain(trace)
            .find_map(|span| self.place(program, span));
        self.error(failure.message, place)
            .hinted(failure.hint)
            .caused(failure.cause)
    }

    fn load_error(&self, program: &Program<'p>, error: &LoadError) -> Error {
        let (text, span) = message::load(error);
        self.error(text, self.place(program, span))
    }

    fn error(&self, text: String, place: Option<(&Source, usize)>) -> Error {
        match (place, self.sources.first()) {
            (Some((source, offset)), _) => Error::at(text, source, offset),
            (None, Some(main)) => Error::new(format!("{text}, in {}", main.name.display())),
            (None, None) => Error::new(text),
        }
    }

    /// The source of a span and its offset; none for the standard library.
    fn place(&self, program: &Program<'p>, span: SpanId) -> Option<(&Source, usize)> {
        let (context, start, _) = program.span_manager().get_span(span);
        let SpanContext::Source(id) = program.span_manager().get_context(context);
        self.by_id
            .get(id)
            .and_then(|index| self.sources.get(*index))
            .map(|source| (source, start))
    }

    /// The path an import means: relative to the importing file.
    fn resolve(&self, program: &Program<'p>, from: SpanId, path: &str) -> PathBuf {
        let importing = self
            .place(program, from)
            .and_then(|(source, _)| source.name.parent());
        importing.unwrap_or(Path::new("")).join(path)
    }

    fn import_failed(
        &mut self,
        program: &Program<'p>,
        from: SpanId,
        path: &str,
        error: &Error,
    ) -> ImportError {
        let text = format!("cannot import \"{path}\": {error}");
        self.import_failure = Some(self.error(text, self.place(program, from)));
        ImportError
    }
}

fn span_of(item: &EvalStackTraceItem) -> Option<SpanId> {
    match item {
        EvalStackTraceItem::Expr { span }
        | EvalStackTraceItem::Variable { span, .. }
        | EvalStackTraceItem::Import { span } => Some(*span),
        EvalStackTraceItem::Call { span, .. }
        | EvalStackTraceItem::ArrayItem { span, .. }
        | EvalStackTraceItem::ObjectField { span, .. } => *span,
        EvalStackTraceItem::CompareArrayItem { .. }
        | EvalStackTraceItem::CompareObjectField { .. }
        | EvalStackTraceItem::ManifestArrayItem { .. }
        | EvalStackTraceItem::ManifestObjectField { .. } => None,
    }
}

impl<'p> Callbacks<'p> for Host<'_, 'p> {
    fn import(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<Thunk<'p>, ImportError> {
        let whole = self.resolve(program, from, path);
        if let Some(thunk) = self.imported.get(&whole) {
            return Ok(thunk.clone());
        }
        let source = files::read(self.world.directory, &whole)
            .map_err(|error| self.import_failed(program, from, path, &error))?;
        let thunk = self.load(program, source).map_err(|error| {
            self.import_failure = Some(error);
            ImportError
        })?;
        self.imported.insert(whole, thunk.clone());
        Ok(thunk)
    }

    fn import_str(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<String, ImportError> {
        let whole = self.resolve(program, from, path);
        let bytes = files::read_bytes(self.world.directory, &whole)
            .map_err(|error| self.import_failed(program, from, path, &error))?;
        String::from_utf8(bytes).map_err(|_| {
            self.import_failed(program, from, path, &Error::new("it is not valid UTF-8"))
        })
    }

    fn import_bin(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<Vec<u8>, ImportError> {
        let whole = self.resolve(program, from, path);
        files::read_bytes(self.world.directory, &whole)
            .map_err(|error| self.import_failed(program, from, path, &error))
    }

    fn trace(&mut self, program: &mut Program<'p>, message: &str, stack: &[EvalStackTraceItem]) {
        let place = stack
            .iter()
            .rev()
            .filter_map(span_of)
            .find_map(|span| self.place(program, span));
        let line = match place {
            Some((source, offset)) => format!("TRACE: {} {message}", source.location(offset)),
            None => format!("TRACE: {message}"),
        };
        self.traces.push(line);
    }

    fn native_call(
        &mut self,
        program: &mut Program<'p>,
        name: InternedStr<'p>,
        arguments: &[Value<'p>],
    ) -> Result<Value<'p>, NativeError> {
        let name = name.value();
        let result = match self.natives.get(name).cloned() {
            Some(Native::Plugin(call)) => self.call(program, name, &call, arguments),
            Some(Native::Env) => self.env(arguments),
            Some(Native::MustEnv) => self.must_env(arguments),
            None => Err(Failure::new(format!("{name} is not known"))),
        };
        result.map_err(|failure| {
            self.native_failure = Some(failure);
            NativeError
        })
    }
}

impl<'p> Host<'_, 'p> {
    fn env(&self, arguments: &[Value<'p>]) -> Result<Value<'p>, Failure> {
        let variable = self.variable("env", arguments)?;
        match (self.world.environment.get(&variable), arguments.get(1)) {
            (Some(value), _) if !value.is_empty() => Ok(Value::string(value)),
            (_, Some(default)) if !default.is_function() => Ok(default.clone()),
            _ => Err(Failure::new("env: default must not be a function")),
        }
    }

    fn must_env(&self, arguments: &[Value<'p>]) -> Result<Value<'p>, Failure> {
        let variable = self.variable("must_env", arguments)?;
        match self.world.environment.get(&variable) {
            Some(value) => Ok(Value::string(value)),
            None => Err(missing_variable(&variable)),
        }
    }

    fn variable(&self, name: &str, arguments: &[Value<'p>]) -> Result<String, Failure> {
        let variable = arguments.first().and_then(Value::to_string);
        variable.ok_or_else(|| Failure::new(format!("{name}: name must be a string")))
    }

    fn call(
        &self,
        program: &mut Program<'p>,
        name: &str,
        call: &Call,
        arguments: &[Value<'p>],
    ) -> Result<Value<'p>, Failure> {
        let arguments: Vec<_> = arguments.iter().map(values::json).collect();
        match call.in_jsonnet(name, &arguments, self.world.lookups) {
            Ok(result) => Ok(values::value(program, &result)),
            Err(mut failure) => {
                failure.cause.get_or_insert(Cause::Plugin);
                Err(failure)
            }
        }
    }
}
