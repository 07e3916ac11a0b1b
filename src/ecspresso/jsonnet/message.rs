//! Our words for rsjsonnet's errors, which have none, and where each points. No message quotes a value that the program
//! computed, except the program's own `error` and `assert` messages.

use rsjsonnet_lang::ast::{BinaryOp, UnaryOp};
use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::{ActualToken, ParseError};
use rsjsonnet_lang::program::{AnalyzeError, EvalErrorKind, EvalErrorValueType, LoadError};
use rsjsonnet_lang::span::SpanId;

/// The text of an error that a source has before it is evaluated, and where it is.
pub(super) fn load(error: &LoadError) -> (String, SpanId) {
    match error {
        LoadError::Lex(error) => lex(error),
        LoadError::Parse(ParseError::Expected { span, instead, .. }) => {
            (format!("unexpected {}", token(instead)), *span)
        }
        LoadError::Analyze(error) => analyze(error),
    }
}

fn lex(error: &LexError) -> (String, SpanId) {
    let (text, span) = match error {
        LexError::InvalidChar { span, chr } => {
            return (format!("invalid character {chr:?}"), *span);
        }
        LexError::InvalidEscapeInString { span, chr } => {
            return (format!("invalid escape \\{chr} in string"), *span);
        }
        LexError::InvalidUtf8 { span, .. } => ("invalid UTF-8", span),
        LexError::UnfinishedMultilineComment { span } => ("comment without */", span),
        LexError::LeadingZeroInNumber { span } => ("leading zero in number", span),
        LexError::MissingFracDigits { span } => ("missing digits after . in number", span),
        LexError::MissingExpDigits { span } => ("missing digits after e in number", span),
        LexError::MissingDigitAfterUnderscore { span } => ("missing digit after _ in number", span),
        LexError::ExpOverflow { span } => ("exponent is too large", span),
        LexError::IncompleteUnicodeEscape { span } => ("incomplete \\u escape in string", span),
        LexError::InvalidUtf16EscapeSequence { span, .. } => ("invalid \\u escape in string", span),
        LexError::UnfinishedString { span } => ("string without end", span),
        LexError::MissingLineBreakAfterTextBlockStart { span } => {
            ("missing line break after |||", span)
        }
        LexError::MissingWhitespaceTextBlockStart { span } => {
            ("a text block must be indented", span)
        }
        LexError::InvalidTextBlockTermination { span } => ("text block without |||", span),
    };
    (text.to_owned(), *span)
}

fn token(token: &ActualToken) -> String {
    match token {
        ActualToken::EndOfFile => "end of file".to_owned(),
        ActualToken::Simple(kind) => format!("{kind:?}").trim_end_matches('_').to_lowercase(),
        ActualToken::OtherOp(operator) => format!("operator {operator}"),
        ActualToken::Ident(name) => format!("identifier {name}"),
        ActualToken::Number => "number".to_owned(),
        ActualToken::String => "string".to_owned(),
        ActualToken::TextBlock => "text block".to_owned(),
    }
}

fn analyze(error: &AnalyzeError) -> (String, SpanId) {
    match error {
        AnalyzeError::UnknownVariable { span, name } => (format!("unknown variable {name}"), *span),
        AnalyzeError::SelfOutsideObject { self_span } => {
            ("self outside an object".to_owned(), *self_span)
        }
        AnalyzeError::SuperOutsideObject { super_span } => {
            ("super outside an object".to_owned(), *super_span)
        }
        AnalyzeError::DollarOutsideObject { dollar_span } => {
            ("$ outside an object".to_owned(), *dollar_span)
        }
        AnalyzeError::RepeatedLocalName {
            repeated_span,
            name,
            ..
        } => (format!("local {name} is repeated"), *repeated_span),
        AnalyzeError::RepeatedFieldName {
            repeated_span,
            name,
            ..
        } => (format!("field {name} is repeated"), *repeated_span),
        AnalyzeError::RepeatedParamName {
            repeated_span,
            name,
            ..
        } => (format!("parameter {name} is repeated"), *repeated_span),
        AnalyzeError::PositionalArgAfterNamed { arg_span } => (
            "positional argument after a named one".to_owned(),
            *arg_span,
        ),
        AnalyzeError::TextBlockAsImportPath { span } => {
            ("an import path must not be a text block".to_owned(), *span)
        }
        AnalyzeError::ComputedImportPath { span } => {
            ("an import path must be a string literal".to_owned(), *span)
        }
    }
}

/// The text of an error of the evaluation.
pub(super) fn evaluation(kind: &EvalErrorKind) -> String {
    match kind {
        EvalErrorKind::StackOverflow => "max stack frames exceeded".to_owned(),
        EvalErrorKind::InfiniteRecursion => "infinite recursion".to_owned(),
        EvalErrorKind::InvalidIndexedType { got_type, .. } => {
            format!("cannot index {}", name(*got_type))
        }
        EvalErrorKind::InvalidSlicedType { got_type, .. } => {
            format!("cannot slice {}", name(*got_type))
        }
        EvalErrorKind::SliceIndexOrStepIsNotNumber { got_type, .. } => {
            format!("slice bounds must be numbers, found {}", name(*got_type))
        }
        EvalErrorKind::StringIndexIsNotNumber { got_type, .. }
        | EvalErrorKind::ArrayIndexIsNotNumber { got_type, .. } => {
            format!("the index must be a number, found {}", name(*got_type))
        }
        EvalErrorKind::NumericIndexIsNotValid { index, .. } => {
            format!("{index} is not a valid index")
        }
        EvalErrorKind::NumericIndexOutOfRange { index, length, .. } => {
            format!("index {index} is out of range, the length is {length}")
        }
        EvalErrorKind::ObjectIndexIsNotString { got_type, .. } => {
            format!(
                "the index of an object must be a string, found {}",
                name(*got_type)
            )
        }
        EvalErrorKind::RepeatedFieldName { name, .. } => format!("field {name} is repeated"),
        EvalErrorKind::FieldNameIsNotString { got_type, .. } => {
            format!("a field name must be a string, found {}", name(*got_type))
        }
        EvalErrorKind::UnknownObjectField { field_name, .. } => {
            format!("field does not exist: {field_name}")
        }
        EvalErrorKind::FieldOfNonObject { .. } => "only an object has fields".to_owned(),
        EvalErrorKind::SuperWithoutSuperObject { .. } => "super without a super object".to_owned(),
        EvalErrorKind::ForSpecValueIsNotArray { got_type, .. } => {
            format!("a comprehension needs an array, found {}", name(*got_type))
        }
        EvalErrorKind::CondIsNotBool { got_type, .. } => {
            format!("a condition must be a boolean, found {}", name(*got_type))
        }
        EvalErrorKind::CalleeIsNotFunction {
            got_type: EvalErrorValueType::Null,
            ..
        } => "null is not a function; std.native of an unknown name is null".to_owned(),
        EvalErrorKind::CalleeIsNotFunction { got_type, .. } => {
            format!("{} is not a function", name(*got_type))
        }
        EvalErrorKind::TooManyCallArgs { num_params, .. } => {
            format!("too many arguments, the function takes {num_params}")
        }
        EvalErrorKind::UnknownCallParam { param_name, .. } => {
            format!("the function has no parameter {param_name}")
        }
        EvalErrorKind::RepeatedCallParam { param_name, .. } => {
            format!("argument {param_name} is given twice")
        }
        EvalErrorKind::CallParamNotBound { param_name, .. } => {
            format!("missing argument: {param_name}")
        }
        EvalErrorKind::NativeCallFailed => "a native function failed".to_owned(),
        EvalErrorKind::InvalidUnaryOpType { op, rhs_type, .. } => {
            format!("cannot apply {} to {}", unary(*op), name(*rhs_type))
        }
        EvalErrorKind::InvalidBinaryOpTypes {
            op,
            lhs_type,
            rhs_type,
            ..
        } => {
            format!(
                "cannot apply {} to {} and {}",
                binary(*op),
                name(*lhs_type),
                name(*rhs_type)
            )
        }
        EvalErrorKind::NumberNotBitwiseSafe { .. } => {
            "the number is too large for a bitwise operation".to_owned()
        }
        EvalErrorKind::NumberOverflow { .. } => "number overflow".to_owned(),
        EvalErrorKind::NumberNan { .. } => "the result is not a number".to_owned(),
        EvalErrorKind::DivByZero { .. } => "division by zero".to_owned(),
        EvalErrorKind::ShiftByNegative { .. } => "shift by a negative number".to_owned(),
        EvalErrorKind::InvalidStdFuncArgType {
            func_name,
            arg_index,
            expected_types,
            got_type,
        } => {
            let expected: Vec<_> = expected_types.iter().copied().map(name).collect();
            let expected = expected.join(" or ");
            format!(
                "argument {} of std.{func_name} must be {expected}, found {}",
                arg_index + 1,
                name(*got_type)
            )
        }
        EvalErrorKind::AssertFailed {
            message: Some(message),
            ..
        } => format!("assertion failed: {message}"),
        EvalErrorKind::AssertFailed { message: None, .. } => "assertion failed".to_owned(),
        EvalErrorKind::AssertEqualFailed { .. } => {
            "assertion failed: the values are not equal".to_owned()
        }
        EvalErrorKind::ExplicitError { message, .. } => message.clone(),
        EvalErrorKind::ImportFailed { path, .. } => format!("cannot import \"{path}\""),
        EvalErrorKind::UnknownExtVar { name } => format!("undefined external variable: {name}"),
        EvalErrorKind::ManifestFunction => "a function cannot become JSON".to_owned(),
        EvalErrorKind::CompareNullInequality
        | EvalErrorKind::CompareBooleanInequality
        | EvalErrorKind::CompareObjectInequality => {
            "only numbers, strings and arrays have an order".to_owned()
        }
        EvalErrorKind::CompareFunctions => "functions cannot be compared".to_owned(),
        EvalErrorKind::CompareDifferentTypesInequality { lhs_type, rhs_type } => {
            format!("cannot compare {} and {}", name(*lhs_type), name(*rhs_type))
        }
        EvalErrorKind::PrimitiveEqualsNonPrimitive { got_type } => {
            format!(
                "std.primitiveEquals compares primitive values, found {}",
                name(*got_type)
            )
        }
        // The part after a colon may quote a value.
        EvalErrorKind::Other { message, .. } => {
            message.split(": \"").next().unwrap_or_default().to_owned()
        }
    }
}

/// Where an error of the evaluation is, if it says so itself.
pub(super) fn span(kind: &EvalErrorKind) -> Option<SpanId> {
    match kind {
        EvalErrorKind::InvalidIndexedType { span, .. }
        | EvalErrorKind::InvalidSlicedType { span, .. }
        | EvalErrorKind::SliceIndexOrStepIsNotNumber { span, .. }
        | EvalErrorKind::StringIndexIsNotNumber { span, .. }
        | EvalErrorKind::ArrayIndexIsNotNumber { span, .. }
        | EvalErrorKind::NumericIndexIsNotValid { span, .. }
        | EvalErrorKind::NumericIndexOutOfRange { span, .. }
        | EvalErrorKind::ObjectIndexIsNotString { span, .. }
        | EvalErrorKind::RepeatedFieldName { span, .. }
        | EvalErrorKind::FieldNameIsNotString { span, .. }
        | EvalErrorKind::UnknownObjectField { span, .. }
        | EvalErrorKind::FieldOfNonObject { span }
        | EvalErrorKind::SuperWithoutSuperObject { span }
        | EvalErrorKind::ForSpecValueIsNotArray { span, .. }
        | EvalErrorKind::CondIsNotBool { span, .. }
        | EvalErrorKind::InvalidUnaryOpType { span, .. }
        | EvalErrorKind::AssertFailed { span, .. }
        | EvalErrorKind::ExplicitError { span, .. }
        | EvalErrorKind::ImportFailed { span, .. } => Some(*span),
        EvalErrorKind::CalleeIsNotFunction { span, .. }
        | EvalErrorKind::TooManyCallArgs { span, .. }
        | EvalErrorKind::UnknownCallParam { span, .. }
        | EvalErrorKind::RepeatedCallParam { span, .. }
        | EvalErrorKind::CallParamNotBound { span, .. }
        | EvalErrorKind::InvalidBinaryOpTypes { span, .. }
        | EvalErrorKind::NumberNotBitwiseSafe { span }
        | EvalErrorKind::NumberOverflow { span }
        | EvalErrorKind::NumberNan { span }
        | EvalErrorKind::DivByZero { span }
        | EvalErrorKind::ShiftByNegative { span }
        | EvalErrorKind::Other { span, .. } => *span,
        EvalErrorKind::StackOverflow
        | EvalErrorKind::InfiniteRecursion
        | EvalErrorKind::NativeCallFailed
        | EvalErrorKind::InvalidStdFuncArgType { .. }
        | EvalErrorKind::AssertEqualFailed { .. }
        | EvalErrorKind::UnknownExtVar { .. }
        | EvalErrorKind::ManifestFunction
        | EvalErrorKind::CompareNullInequality
        | EvalErrorKind::CompareBooleanInequality
        | EvalErrorKind::CompareObjectInequality
        | EvalErrorKind::CompareFunctions
        | EvalErrorKind::CompareDifferentTypesInequality { .. }
        | EvalErrorKind::PrimitiveEqualsNonPrimitive { .. } => None,
    }
}

fn name(kind: EvalErrorValueType) -> &'static str {
    match kind {
        EvalErrorValueType::Null => "null",
        EvalErrorValueType::Bool => "a boolean",
        EvalErrorValueType::Number => "a number",
        EvalErrorValueType::String => "a string",
        EvalErrorValueType::Array => "an array",
        EvalErrorValueType::Object => "an object",
        EvalErrorValueType::Function => "a function",
    }
}

fn unary(operator: UnaryOp) -> &'static str {
    match operator {
        UnaryOp::Minus => "-",
        UnaryOp::Plus => "+",
        UnaryOp::BitwiseNot => "~",
        UnaryOp::LogicNot => "!",
    }
}

fn binary(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::In => "in",
        BinaryOp::BitwiseAnd => "&",
        BinaryOp::BitwiseOr => "|",
        BinaryOp::BitwiseXor => "^",
        BinaryOp::LogicAnd => "&&",
        BinaryOp::LogicOr => "||",
    }
}
