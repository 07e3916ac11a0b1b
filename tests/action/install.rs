//! The binary is installed from a release whose checksum is right, and from nothing else.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::arguments::FAKE;
use crate::runner::{ROOT, Runner};

/// Serves the file of `served` that the address ends with, and notes its arguments.
const CURL: &str = r#"#!/bin/sh
here=${0%/*}/..
printf '%s\n' "$@" >>"$here/curl-arguments"
while [ $# -gt 0 ]; do
  case $1 in
    --output) output=$2; shift ;;
    https://*) url=$1 ;;
  esac
  shift
done
cp "$here/served/${url##*/}" "$output" 2>/dev/null && exit
echo 'curl: (22) The requested URL returned error: 404' >&2
exit 22
"#;

const RELEASES: &str = "https://github.com/octo/demitasse/releases/download";

/// A runner whose network holds the release 1.2.3 with one archive and its checksum file. Answers the archive's SHA-256.
fn with_release(platform: &str, program: &str) -> (Runner, String) {
    let runner = Runner::new();
    runner.program("bin/curl", CURL);
    runner.program(&format!("release/{program}"), FAKE);
    let archive = format!("demitasse_1.2.3_{platform}.tar.gz");
    fs::create_dir(runner.path("served")).expect("served");
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(runner.path("served").join(&archive))
        .arg("-C")
        .arg(runner.path("release"))
        .arg(program)
        .status();
    assert!(packed.expect("tar").success());
    let bytes = fs::read(runner.path("served").join(&archive)).expect("the archive");
    let mut checksum = String::new();
    for byte in Sha256::digest(bytes) {
        write!(checksum, "{byte:02x}").expect("a string");
    }
    runner.write(
        &format!("served/{archive}.sha256"),
        &format!("{checksum}  {archive}\n"),
    );
    (runner, checksum)
}

/// What is in the tool cache.
fn installed(runner: &Runner) -> Vec<String> {
    let files = runner.files().into_iter();
    files.filter(|file| file.starts_with("tools/")).collect()
}

#[test]
fn a_release_is_installed() {
    let cases = [
        ("Linux", "X64", "linux_amd64"),
        ("Linux", "ARM64", "linux_arm64"),
        ("macOS", "X64", "darwin_amd64"),
        ("macOS", "ARM64", "darwin_arm64"),
    ];
    for (os, arch, platform) in cases {
        let (mut runner, _) = with_release(platform, "demitasse");
        runner.environment.insert("RUNNER_OS".into(), os.into());
        runner.environment.insert("RUNNER_ARCH".into(), arch.into());
        let ended = runner.uses(&[("version", "v1.2.3"), ("args", "--dry-run")]);
        assert_eq!(ended.code, 0, "{}", ended.log);

        let directory = format!("tools/demitasse/1.2.3/{platform}");
        assert_eq!(
            ended.paths,
            [runner.path(&directory).to_str().expect("UTF-8")]
        );
        let mode = fs::metadata(runner.path(&directory).join("demitasse"))
            .expect("demitasse")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        let arguments =
            fs::read_to_string(runner.path(&directory).join("arguments")).expect("it ran");
        assert_eq!(arguments, "promote\0--dry-run\0");

        let asked = fs::read_to_string(runner.path("curl-arguments")).expect("curl ran");
        let url = format!("{RELEASES}/v1.2.3/demitasse_1.2.3_{platform}.tar.gz");
        let asked: Vec<&str> = asked.lines().collect();
        let addresses: Vec<&&str> = asked.iter().filter(|line| line.contains("://")).collect();
        assert_eq!(addresses, [&&*format!("{url}.sha256"), &&*url]);
        for flags in [
            &["--fail", "--location", "--proto", "=https"][..],
            &["--retry", "5", "--retry-all-errors"],
        ] {
            assert!(
                asked.windows(flags.len()).any(|window| window == flags),
                "{asked:?}"
            );
        }
        let left = runner
            .files()
            .into_iter()
            .filter(|file| file.starts_with("temp/"));
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn the_checksum_of_the_release_is_only_taken_with_a_warning() {
    let (runner, checksum) = with_release("linux_amd64", "demitasse");
    let ended = runner.uses(&[("version", "1.2.3")]);
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(
        ended
            .log
            .contains("::warning title=demitasse::the same authority supplied"),
        "{}",
        ended.log
    );
    assert!(ended.log.contains(&checksum));

    let ended = runner.uses(&[("version", "1.2.3"), ("checksum", &checksum.to_uppercase())]);
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(!ended.log.contains("::warning"), "{}", ended.log);
}

#[test]
fn a_wrong_checksum_installs_nothing() {
    let (runner, checksum) = with_release("linux_amd64", "demitasse");
    let wrong = "0".repeat(64);
    let ended = runner.uses(&[("version", "1.2.3"), ("checksum", &wrong)]);
    assert_eq!(ended.code, 1, "{}", ended.log);
    let error = ended
        .log
        .lines()
        .find(|line| line.starts_with("::error "))
        .expect("an error");
    for part in [
        &checksum,
        &wrong,
        "demitasse_1.2.3_linux_amd64.tar.gz",
        "nothing was installed",
        "%0Ahint: ",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(installed(&runner), [""; 0]);
    assert_eq!(ended.paths, [""; 0]);

    let file = "served/demitasse_1.2.3_linux_amd64.tar.gz.sha256";
    for text in [
        &*format!("{wrong}  demitasse\n"),
        "",
        "<html>not found</html>\n",
        &checksum[..63],
    ] {
        runner.write(file, text);
        let ended = runner.uses(&[("version", "1.2.3")]);
        assert_eq!(ended.code, 1, "{text}: {}", ended.log);
        assert!(ended.log.contains("nothing was installed"), "{}", ended.log);
        assert_eq!(installed(&runner), [""; 0], "{text}");
    }
    runner.write(file, &checksum);
    assert_eq!(runner.uses(&[("version", "1.2.3")]).code, 0);
}

#[test]
fn a_release_that_is_not_there_is_said() {
    let (runner, _) = with_release("linux_amd64", "demitasse");
    let ended = runner.uses(&[("version", "9.9.9")]);
    assert_eq!(ended.code, 1, "{}", ended.log);
    let url = format!("{RELEASES}/v9.9.9/demitasse_9.9.9_linux_amd64.tar.gz");
    assert!(
        ended
            .log
            .contains(&format!("::{url}.sha256 could not be downloaded")),
        "{}",
        ended.log
    );

    let (runner, _) = with_release("linux_amd64", "another");
    let ended = runner.uses(&[("version", "1.2.3")]);
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("holds no demitasse"), "{}", ended.log);
    assert_eq!(installed(&runner), [""; 0]);
}

#[test]
fn without_a_version_it_is_the_one_of_the_action() {
    let runner = Runner::new();
    runner.program("bin/curl", CURL);
    let ended = runner.uses(&[]);
    assert_eq!(ended.code, 1, "{}", ended.log);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        ended.log.contains(&format!(
            "{RELEASES}/v{version}/demitasse_{version}_linux_amd64.tar.gz"
        )),
        "{}",
        ended.log
    );
}

#[test]
fn wrong_inputs_ask_nobody() {
    let hostile = "1.2.3\n::error::injected";
    let cases = [
        ("version", "latest", "version"),
        ("version", "1.2", "version"),
        ("version", "../../evil", "version"),
        ("version", "1.2.3/../../../../evil", "version"),
        ("version", "$(touch pwned)", "version"),
        ("version", hostile, "version"),
        ("checksum", "abc", "checksum"),
        ("checksum", hostile, "checksum"),
        ("path", "missing", "path"),
        ("path", "a\nb", "path"),
        ("path", ".", "path"),
    ];
    for (input, value, named) in cases {
        let (runner, _) = with_release("linux_amd64", "demitasse");
        let mut inputs = vec![(input, value)];
        if input == "checksum" {
            inputs.push(("version", "1.2.3"));
        }
        let ended = runner.uses(&inputs);
        assert_eq!(ended.code, 3, "{inputs:?}: {}", ended.log);
        let commands: Vec<&str> = ended
            .log
            .lines()
            .filter(|line| line.starts_with("::"))
            .collect();
        let [command] = commands.as_slice() else {
            panic!("{inputs:?}: {commands:?}");
        };
        assert!(
            command.starts_with(&format!("::error title=demitasse::{named} ")),
            "{command}"
        );
        assert!(command.contains("%0Ahint: "), "{command}");
        let files = runner.files();
        assert!(
            !files
                .iter()
                .any(|file| file.ends_with("pwned") || file == "curl-arguments"),
            "{inputs:?}: {files:?}"
        );
    }
}

#[test]
fn other_machines_are_refused() {
    for (name, value) in [
        ("RUNNER_OS", "Windows"),
        ("RUNNER_ARCH", "X86"),
        ("RUNNER_OS", ""),
    ] {
        let (mut runner, _) = with_release("linux_amd64", "demitasse");
        runner.environment.insert(name.into(), value.into());
        let ended = runner.uses(&[("version", "1.2.3")]);
        assert_eq!(ended.code, 3, "{}", ended.log);
        assert!(ended.log.contains(name), "{}", ended.log);
    }
}

#[test]
fn a_given_path_downloads_nothing() {
    for path in ["build/demitasse", "./build/demitasse"] {
        let runner = Runner::new();
        runner.program("bin/curl", CURL);
        runner.program("workspace/build/demitasse", FAKE);
        fs::create_dir_all(runner.path("workspace/services")).expect("services");
        // The path is the workspace's, whatever the working directory.
        let ended = runner.uses(&[("path", path), ("working-directory", "services")]);
        assert_eq!(ended.code, 0, "{}", ended.log);
        assert!(runner.path("workspace/build/arguments").exists());
        assert!(!runner.path("curl-arguments").exists());
        assert_eq!(ended.paths, [""; 0]);
    }
}

#[test]
fn the_releases_are_those_of_the_repository_of_the_action() {
    // Not unpacked by a runner: the context says who is used.
    let (runner, _) = with_release("linux_amd64", "demitasse");
    let ended = runner.plays(ROOT.as_ref(), &[("version", "1.2.3")]);
    assert_eq!(ended.code, 0, "{}", ended.log);
    let asked = fs::read_to_string(runner.path("curl-arguments")).expect("curl ran");
    assert!(
        asked.contains("https://github.com/octo/wrapper/releases/download/v1.2.3/"),
        "{asked}"
    );
}
