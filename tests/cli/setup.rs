//! `zerogr setup` and `zerogr doctor` as a person meets them.

use crate::support::installed;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::installed::{stderr, stdout, zerogr};
use serde_json::Value;

/// A command with a cache folder of its own, and no other source of a library.
fn in_home(home: &Path) -> Command {
    let mut command = zerogr();
    command
        .env("ZEROGR_HOME", home)
        .env_remove("ZEROGR_ORT")
        .env_remove("ORT_DYLIB_PATH");
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// A cache folder with what the shared one has.
fn installed_copy() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let home = installed::home();
    let fresh = tempfile::tempdir().unwrap();
    for name in ["onnxruntime-1.28.0", "models/all-MiniLM-L6-v2-fused"] {
        copy(&home.join(name), &fresh.path().join(name));
    }
    fresh
}

#[test]
fn a_second_setup_fetches_and_runs_nothing() {
    installed::setup();
    let output = run(zerogr()
        .args(["setup", "--json"])
        .env("PIP_INDEX_URL", "http://127.0.0.1:9/none")
        .env("PATH", ""));
    assert!(output.status.success(), "{}", stderr(&output));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["changed"], false);
    assert_eq!(value["runtime_version"], "1.28.0");
}

#[test]
fn a_set_up_machine_is_healthy() {
    installed::setup();
    let output = run(zerogr().args(["doctor", "--json"]));
    assert!(output.status.success(), "{}", stdout(&output));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["ok"], true);
    assert_eq!(value["models"][0]["state"], "ok");
    assert!(value["cores"].as_u64().unwrap() > 0);
    assert!(stdout(&run(zerogr().arg("doctor"))).contains("all is well"));
}

#[test]
fn an_empty_machine_is_not() {
    let home = tempfile::tempdir().unwrap();
    let output = run(in_home(home.path())
        .args(["doctor", "--json"])
        .env("LD_LIBRARY_PATH", ""));
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["ok"], false);
    assert_eq!(value["models"][0]["state"], "missing");
}

#[test]
fn setup_without_python_or_network_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = run(in_home(home.path()).arg("setup").env("PATH", ""));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no Python found"),
        "{}",
        stderr(&output)
    );

    let output = run(in_home(home.path())
        .arg("setup")
        .env("PIP_INDEX_URL", "http://127.0.0.1:9/none")
        .env("PIP_RETRIES", "0")
        .env("PIP_NO_CACHE_DIR", "1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("check the network"),
        "{}",
        stderr(&output)
    );
    let left = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(left, 0, "a failed set-up leaves nothing");
}

#[test]
fn a_wheel_that_is_not_the_published_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let wheels = tempfile::tempdir().unwrap();
    let name = "onnxruntime-1.28.0-cp311-cp311-manylinux_2_28_x86_64.whl";
    std::fs::write(wheels.path().join(name), "not a wheel").unwrap();
    let output = run(in_home(home.path())
        .args(["setup", "--wheels"])
        .arg(wheels.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("SHA-256"), "{}", stderr(&output));
    assert!(!home.path().join("onnxruntime-1.28.0").exists());
}

#[test]
fn damage_is_seen_by_doctor_and_by_the_encoder() {
    let home = installed_copy();
    let model = home.path().join("models/all-MiniLM-L6-v2-fused/model.onnx");
    let mut bytes = std::fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let output = run(in_home(home.path()).arg("doctor"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("damaged"));
    // And set-up does not take it for installed.
    let output = run(in_home(home.path()).arg("setup").env("PATH", ""));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn usage_errors_have_their_own_status() {
    assert_eq!(run(zerogr().arg("no-such-command")).status.code(), Some(2));
    assert_eq!(
        run(zerogr().args(["setup", "--no-such-option"]))
            .status
            .code(),
        Some(2)
    );
    assert!(run(zerogr().arg("--help")).status.success());
}

/// Fetches from pip again (which keeps a cache of its own).
#[test]
fn two_setups_at_once_and_one_killed_half_way_do_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let mut killed = in_home(home.path()).arg("setup").spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Whole or absent.
    let library = home.path().join("onnxruntime-1.28.0");
    assert!(!library.exists() || library.join("ThirdPartyNotices.txt").exists());

    let both: Vec<_> = (0..2)
        .map(|_| {
            in_home(home.path())
                .arg("setup")
                .stderr(std::process::Stdio::piped())
                .spawn()
        })
        .collect();
    for child in both {
        let output = child.unwrap().wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let output = run(in_home(home.path()).arg("doctor"));
    assert!(output.status.success(), "{}", stdout(&output));
}

/// `python -m pip` looks for `pip` where it is started first of all.
#[test]
fn nothing_in_the_working_folder_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let planted = "import os\nopen(os.environ['PLANTED'], 'w')\nraise SystemExit(1)\n";
    for name in [
        "pip/__main__.py",
        "pip/__init__.py",
        "encodings/__init__.py",
        "sitecustomize.py",
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, planted).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let python = folder.path().join("python3");
        std::fs::write(&python, "#!/bin/sh\n: > \"$PLANTED\"\n").unwrap();
        std::fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let traces = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap();
    for args in [&["setup"][..], &["model", "import", "smollm2", "-o", "m"]] {
        let output = run(zerogr()
            .args(args)
            .current_dir(folder.path())
            .env("ZEROGR_HOME", traces.path().join("home"))
            .env("PLANTED", traces.path().join("it ran"))
            // An empty folder in it is the working folder.
            .env("PATH", format!(":.:{path}"))
            .env("PIP_INDEX_URL", "http://127.0.0.1:9/none")
            .env("PIP_RETRIES", "0")
            .env_remove("PIP_FIND_LINKS"));
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("pip could not download"));
        assert!(!traces.path().join("it ran").exists());
    }
}

#[test]
fn a_library_that_is_cut_short_is_an_error_and_not_a_signal() {
    let home = installed_copy();
    let name = if cfg!(windows) {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.1.28.0.dylib"
    } else {
        "libonnxruntime.so.1.28.0"
    };
    let library = home.path().join("onnxruntime-1.28.0").join(name);
    let whole = std::fs::read(&library).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for len in [0, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&library, &whole[..len]).unwrap();
        std::fs::write(elsewhere.path().join(name), &whole[..len]).unwrap();
        for variables in [
            &[("ZEROGR_HOME", home.path())][..],
            &[("ZEROGR_ORT", elsewhere.path())],
        ] {
            let output = run(zerogr().arg("doctor").envs(variables.iter().copied()));
            assert_eq!(output.status.code(), Some(1), "{len}: {output:?}");
            let said = stdout(&output);
            assert!(said.contains("not a usable ONNX Runtime"), "{said}");
        }
    }
    // One changed byte of the installed one is noticed too.
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    std::fs::write(&library, changed).unwrap();
    let output = run(zerogr().arg("doctor").env("ZEROGR_HOME", home.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        run(zerogr().arg("setup").env("ZEROGR_HOME", home.path()))
            .status
            .success()
    );
    assert!(std::fs::read(&library).unwrap() == whole);
}

/// A field of an ONNX message that says something and does nothing.
const REMARK: &[u8] = b"\x32\x01x";

#[test]
fn a_model_of_an_index_runs_where_it_is_known_or_trusted() {
    let (here, elsewhere) = (installed_copy(), installed_copy());
    let folder = tempfile::tempdir().unwrap();
    let encoder = folder.path().join("encoder");
    std::fs::create_dir_all(encoder.join("1_Pooling")).unwrap();
    let installed = here.path().join("models/all-MiniLM-L6-v2-fused");
    for name in ["tokenizer.json", "1_Pooling/config.json"] {
        std::fs::copy(installed.join(name), encoder.join(name)).unwrap();
    }
    let model = std::fs::read(installed.join("model.onnx")).unwrap();
    std::fs::write(encoder.join("model.onnx"), [&model, REMARK].concat()).unwrap();
    let corpus = folder.path().join("d.jsonl");
    std::fs::write(
        &corpus,
        "{\"id\": \"wing\", \"text\": \"Thin wings flutter.\"}\n",
    )
    .unwrap();

    let command = |home: &Path, arguments: &[&str]| {
        let mut command = in_home(home);
        run(command.current_dir(folder.path()).args(arguments))
    };
    let succeeds = |home: &Path, arguments: &[&str]| {
        let output = command(home, arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    };
    let (here, elsewhere) = (here.path(), elsewhere.path());
    succeeds(
        here,
        &["build", "d.jsonl", "-o", "own.zgr", "--encoder", "encoder"],
    );
    succeeds(here, &["build", "d.jsonl", "-o", "default.zgr"]);
    let dense = ["search", "own.zgr", "flutter", "--mode", "dense", "--json"];
    assert!(succeeds(here, &dense).contains("wing"));

    // Another machine asks, says what for, and does everything that needs no model.
    for arguments in [
        &dense[..],
        &["train", "own.zgr", "--full"],
        &["add", "own.zgr", "d.jsonl"],
    ] {
        let output = command(elsewhere, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let message = stderr(&output);
        for part in ["model.onnx", "SHA-256", "--trust-model"] {
            assert!(message.contains(part), "{arguments:?}: {message}");
        }
    }
    for arguments in [
        &["info", "own.zgr"][..],
        &["check", "own.zgr"],
        &["list", "own.zgr"],
        &["get", "own.zgr", "wing"],
        &["search", "own.zgr", "flutter", "--mode", "lexical"],
        &["recover", "own.zgr", "--into", "recovered.zgr"],
        &["backup", "own.zgr", "copy.zgr"],
        &["vacuum", "own.zgr"],
        // The default model is known everywhere.
        &["search", "default.zgr", "flutter", "--mode", "dense"],
    ] {
        succeeds(elsewhere, arguments);
    }

    // The user's word counts, and is remembered.
    let mut trusted = dense.to_vec();
    trusted.push("--trust-model");
    assert!(succeeds(elsewhere, &trusted).contains("wing"));
    assert!(succeeds(elsewhere, &dense).contains("wing"));
    assert!(succeeds(elsewhere, &["search", "copy.zgr", "flutter"]).contains("wing"));
}
