//! Inputs become arguments exactly, and nothing in them is evaluated.

use std::fs;

use crate::runner::{Ended, Runner};

/// Puts its arguments, each ended by a NUL, into a file beside itself.
pub(crate) const FAKE: &str =
    "#!/bin/sh\nprintf '%s\\0' \"$@\" >\"${0%/*}/arguments\"\npwd >\"${0%/*}/directory\"\n";

/// What would do something if a shell ever evaluated it. The workspace holds `a file`, which `*` would match.
const HOSTILE: &[&str] = &[
    "$(touch pwned)",
    "`touch pwned`",
    "\"; touch pwned; \"",
    "'; touch pwned; '",
    "a; touch pwned",
    "& touch pwned &",
    "| touch pwned",
    "> pwned",
    "*",
    "?",
    "[a]*",
    "~",
    "$HOME",
    "${HOME}",
    "$((1+1))",
    "<(touch pwned)",
    "{a,b}",
    "!!",
    "#no comment",
    "--version",
    "-c",
    "--",
    "\\",
    "\\n",
    "%s%n",
    "& \\& &",
    "コーヒー ☕",
    " leading and trailing ",
    "tab\tinside",
    "${{ github.token }}",
];

struct Played {
    runner: Runner,
    ended: Ended,
}

fn play(inputs: &[(&str, &str)]) -> Played {
    let runner = Runner::new();
    runner.write("workspace/a file", "");
    runner.write("workspace/services/app/b file", "");
    runner.write("workspace/-/c file", "");
    let binary = runner.program("fake/demitasse", FAKE);
    let mut inputs = inputs.to_vec();
    let binary = binary.to_str().expect("UTF-8").to_owned();
    inputs.push(("path", &binary));
    let before = runner.files();
    let ended = runner.uses(&inputs);
    let made = runner
        .files()
        .into_iter()
        .filter(|file| !before.contains(file));
    let made: Vec<String> = made.filter(|file| !file.starts_with("_actions")).collect();
    let allowed = ["fake/arguments", "fake/directory"];
    assert!(
        made.iter().all(|file| allowed.contains(&file.as_str())),
        "{inputs:?} made {made:?}"
    );
    Played { runner, ended }
}

impl Played {
    fn arguments(&self) -> Vec<String> {
        assert_eq!(self.ended.code, 0, "{}", self.ended.log);
        let bytes = fs::read(self.runner.path("fake/arguments")).expect("arguments");
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.split_terminator('\0').map(str::to_owned).collect()
    }
}

/// The arguments after `promote`.
fn check(inputs: &[(&str, &str)], expected: &[&str]) {
    let arguments = play(inputs).arguments();
    let (first, rest) = arguments.split_first().expect("a command");
    assert_eq!(first, "promote");
    assert_eq!(rest, expected, "{inputs:?}");
}

#[test]
fn no_input_no_argument() {
    check(&[], &[]);
    check(
        &[
            ("config", "\n \r\n"),
            ("envfile", ""),
            ("ext-str", "\t\n"),
            ("args", " \r\n\t "),
        ],
        &[],
    );
}

#[test]
fn a_line_is_a_value() {
    check(
        &[
            ("args", "--keep 5"),
            ("ext-code", "REPLICAS=1+1\n"),
            ("ext-str", "ENV=prod\r\n\r\nEMPTY=\r\n"),
            ("envfile", "a.env\nb.env\n"),
            (
                "config",
                "\nservices/*/ecspresso.yml\nwith space.yml\r\n\nlast.yml",
            ),
        ],
        &[
            "--config=services/*/ecspresso.yml",
            "--config=with space.yml",
            "--config=last.yml",
            "--envfile=a.env",
            "--envfile=b.env",
            "--ext-str=ENV=prod",
            "--ext-str=EMPTY=",
            "--ext-code=REPLICAS=1+1",
            "--keep",
            "5",
        ],
    );
}

#[test]
fn hostile_lines_arrive_as_they_are() {
    let lines = HOSTILE.join("\n");
    for input in ["config", "envfile"] {
        let expected: Vec<String> = HOSTILE
            .iter()
            .map(|line| format!("--{input}={line}"))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&[(input, &lines)], &expected);
    }
    for input in ["ext-str", "ext-code"] {
        let escaped = |line: &&str| format!("--{input}={}", line.replace(';', "\\;"));
        let expected: Vec<String> = HOSTILE.iter().map(escaped).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(&[(input, &lines)], &expected);
    }
}

#[test]
fn a_line_of_ext_str_is_one_variable() {
    let cases = [
        ("A=x;y", "A=x;y"),
        ("A=;;", "A=;;"),
        // ecspresso's own escape stands for the character as well.
        (r"A=x\;y", "A=x;y"),
        (r"A=x\\;y", r"A=x\\;y"),
        (r"A=\\\;", r"A=\\;"),
        (r"A=\n\", r"A=\n\"),
        ("A=b=c, d", "A=b=c, d"),
    ];
    for (line, expected) in cases {
        let arguments = play(&[("ext-str", line)]).arguments();
        let [_, argument] = arguments.as_slice() else {
            panic!("{line}: {arguments:?}");
        };
        let text = argument.strip_prefix("--ext-str=").expect("the flag");
        let variables = demitasse::ecspresso::external_variables("--ext-str", text).expect("valid");
        let expected = expected.split_once('=').expect("a variable");
        assert_eq!(
            variables,
            [(expected.0.to_owned(), expected.1.to_owned())],
            "{line}"
        );
    }
}

#[test]
fn args_are_split_as_a_shell_would() {
    let cases: &[(&str, &[&str])] = &[
        ("--keep 5 --dry-run", &["--keep", "5", "--dry-run"]),
        ("  a\t b \n c\r\n", &["a", "b", "c"]),
        ("'a b' \"c d\" e\\ f", &["a b", "c d", "e f"]),
        ("a'b'\"c\"d", &["abcd"]),
        ("'' \"\" ''a", &["", "", "a"]),
        (
            r#"'a\b"c' "d'e" "\"\\\$\`\x""#,
            &[r#"a\b"c"#, "d'e", r#""\$`\x"#],
        ),
        (r#"\' \" \\ \$x"#, &["'", "\"", "\\", "$x"]),
        ("--a \\\n  --b \\\r\n  --c", &["--a", "--b", "--c"]),
        ("\"a\\\nb\"", &["ab"]),
        ("'a\nb' \"c\nd\"", &["a\nb", "c\nd"]),
        ("a\\", &["a\\"]),
        (
            "--source={name}/common --target='{name}/{family}'",
            &["--source={name}/common", "--target={name}/{family}"],
        ),
    ];
    for (args, expected) in cases {
        check(&[("args", args)], expected);
    }
}

#[test]
fn hostile_args_are_words() {
    for value in HOSTILE {
        let quoted = format!("'{}'", value.replace('\'', "'\\''"));
        check(&[("args", &quoted)], &[value]);
        if !value.contains(['\'', '"', '\\']) {
            let words: Vec<&str> = value.split_whitespace().collect();
            check(&[("args", value)], &words);
        }
    }
}

#[test]
fn an_open_quote_is_wrong_input() {
    for args in ["'a", "a \"b", "'a' '", "\"\\\""] {
        let played = play(&[("args", args)]);
        assert_eq!(played.ended.code, 3, "{args}");
        assert!(
            played.ended.log.contains("::error title=demitasse::args: "),
            "{}",
            played.ended.log
        );
        assert!(!played.runner.path("fake/arguments").exists(), "{args}");
    }
}

#[test]
fn the_working_directory_is_entered() {
    for (given, expected) in [
        ("", ""),
        (".", ""),
        ("services/app", "/services/app"),
        ("./services", "/services"),
        ("-", "/-"),
    ] {
        let played = play(&[("working-directory", given)]);
        assert_eq!(played.ended.code, 0, "{}", played.ended.log);
        let entered = fs::read_to_string(played.runner.path("fake/directory")).expect("directory");
        assert!(
            entered
                .trim_end()
                .ends_with(&format!("/workspace{expected}")),
            "{given}: {entered}"
        );
    }
    for wrong in ["missing", "a file", "$(touch pwned)", "a\n::error::b"] {
        let ended = play(&[("working-directory", wrong)]).ended;
        assert_eq!(ended.code, 3, "{wrong}");
        let errors = ended.log.lines().filter(|line| line.starts_with("::"));
        assert_eq!(errors.count(), 1, "{}", ended.log);
    }
}
