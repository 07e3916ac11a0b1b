//! The part of a definition that a promotion needs, evaluated alone: Jsonnet is lazy, so nothing else is looked up.

use rsjsonnet_lang::program::{Program, Thunk};

use crate::ecspresso::error::Error;
use crate::ecspresso::jsonnet::host::Host;
use crate::ecspresso::source::Source;

/// Takes a definition and leaves the family, and name and image of each container. Keys match in any case.
const SELECTION: &str = r"
function(program)
  local low(key) = std.asciiLower(key);
  local pick(value, keys) =
    if std.isObject(value)
    then { [key]: value[key] for key in std.objectFields(value) if std.member(keys, low(key)) }
    else value;
  local containers(value) =
    if std.isArray(value) then [pick(item, ['name', 'image']) for item in value] else value;
  local part(key, value) =
    if low(key) == 'containerdefinitions' then containers(value)
    else if low(key) == 'primarycontainer' then pick(value, ['image'])
    else value;
  local keys = ['family', 'containerdefinitions', 'servicename', 'primarycontainer'];
  local definition(value) =
    if std.isObject(value)
    then { [key]: part(key, value[key]) for key in std.objectFields(value) if std.member(keys, low(key)) }
    else value;
  local top = if std.isFunction(program) then program() else program;
  local wrappers =
    if std.isObject(top) then [key for key in std.objectFields(top) if low(key) == 'taskdefinition'] else [];
  if wrappers == [] then definition(top) else { [key]: definition(top[key]) for key in wrappers }
";

/// Stack frames that the selection adds to those of the program.
const FRAMES: usize = 20;

/// The JSON of the part. Fails if a look-up in it was not made yet.
pub(super) fn select<'p>(
    program: &mut Program<'p>,
    host: &mut Host<'_, 'p>,
    main: &Thunk<'p>,
) -> Result<String, Error> {
    let source = Source {
        name: "<selection>".into(),
        text: SELECTION.to_owned(),
        quotable: false,
    };
    let selection = host.load_aside(program, source)?;
    program.set_max_stack(super::MAX_STACK + FRAMES);
    let value = program
        .eval_call(&selection, std::slice::from_ref(main), &[], host)
        .map_err(|error| host.evaluation_error(program, error))?;
    let mut text = program
        .manifest_json(&value, true)
        .map_err(|error| host.evaluation_error(program, error))?;
    program.set_max_stack(super::MAX_STACK);
    text.push('\n');
    Ok(text)
}
