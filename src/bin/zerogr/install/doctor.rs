//! `zerogr doctor`: says what is installed, what the machine can do, and what is missing.

use std::fs;
use std::thread;

use serde_json::{Value, json};
use zerogr::raw::model::runtime::TELEMETRY_VARIABLE;
use zerogr::raw::model::{Runtime, cache};

use super::{packages, setup};
use crate::console::failure::Failure;
use crate::console::output;

/// Check this machine: ONNX Runtime, models, processor.
///
/// Exits with 1 if something that zerogr needs is missing or damaged.
#[derive(clap::Args)]
pub struct Args {
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// One model in the cache folder.
struct Model {
    name: String,
    state: &'static str,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let home = cache::home()?;
    let runtime = Runtime::load(None);
    let models = models()?;
    let default = models
        .iter()
        .find(|model| model.name == cache::DEFAULT_MODEL);
    let healthy = runtime.is_ok() && default.is_some_and(|model| model.state == "ok");
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let telemetry = telemetry(runtime.as_ref().ok().is_some_and(|r| r.can_report_usage()));

    if args.json {
        let runtime = match &runtime {
            Ok(runtime) => json!({
                "path": output::path_value(runtime.path()),
                "version": runtime.version(),
                "providers": runtime.providers(),
            }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        let models: Vec<Value> = models
            .iter()
            .map(|model| json!({"name": model.name, "state": model.state}))
            .collect();
        let value = json!({
            "ok": healthy,
            "home": output::path_value(&home),
            "runtime": runtime,
            "usage_reports": telemetry,
            "models": models,
            "cores": cores,
            "cpu_features": cpu_features(),
            "integer_products": integer_products(),
        });
        output::json(&value)?;
    } else {
        let mut lines = vec![format!("cache folder    {}", output::path(&home))];
        match &runtime {
            Ok(runtime) => {
                lines.push(format!("ONNX Runtime    {}", runtime.version()));
                lines.push(format!("  library       {}", output::path(runtime.path())));
                lines.push(format!(
                    "  providers     {}",
                    runtime.providers().join(", ")
                ));
                lines.push(format!("  usage reports {telemetry}"));
            }
            Err(error) => lines.push(format!("ONNX Runtime    MISSING: {error}")),
        }
        for model in &models {
            lines.push(format!(
                "model           {}: {}",
                output::inline(&model.name),
                model.state
            ));
        }
        lines.push(format!(
            "processor       {cores} cores; {}",
            cpu_features().join(", ")
        ));
        lines.push(format!("8-bit products  {}", integer_products()));
        lines.push(match healthy {
            true => "all is well".into(),
            false => "something is missing: run `zerogr setup`".into(),
        });
        output::line(&lines.join("\n"))?;
    }
    if healthy {
        Ok(())
    } else {
        Err(Failure::silent())
    }
}

/// The default model, present or not, and whatever else is in the cache.
fn models() -> Result<Vec<Model>, Failure> {
    let default = cache::model_dir(cache::DEFAULT_MODEL)?;
    let state = if !default.exists() {
        "missing"
    } else if setup::is_sound(&packages::sentence_encoder(), &default) {
        "ok"
    } else {
        "damaged"
    };
    let mut models = vec![Model {
        name: cache::DEFAULT_MODEL.into(),
        state,
    }];
    let others = default
        .parent()
        .and_then(|folder| fs::read_dir(folder).ok());
    let mut names: Vec<String> = others
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != cache::DEFAULT_MODEL && !name.starts_with('.'))
        .collect();
    names.sort();
    models.extend(names.into_iter().map(|name| Model {
        name,
        state: "not checked (not ours)",
    }));
    Ok(models)
}

/// What is to be said about usage reports of the loaded library.
fn telemetry(can_report: bool) -> String {
    if !can_report {
        return "none in this version".into();
    }
    match std::env::var(TELEMETRY_VARIABLE).as_deref() {
        Ok("1") => {
            format!("switched off by {TELEMETRY_VARIABLE}=1 (programs of yours must set it)")
        }
        _ => format!("ON: set {TELEMETRY_VARIABLE}=1"),
    }
}

/// How the processor multiplies bytes, which decides how fast 8-bit models are.
fn integer_products() -> &'static str {
    let has = |name| cpu_features().contains(&name);
    if has("avx512vnni") || has("avxvnni") {
        "four at a time (VNNI)"
    } else if has("i8mm") || has("dotprod") {
        "four at a time (dot products)"
    } else if has("avx2") {
        "in pairs of 16 bits (AVX2)"
    } else {
        "one by one"
    }
}

/// The processor features that decide how fast models run.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("f16c", std::is_x86_feature_detected!("f16c")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
        ("avxvnni", std::is_x86_feature_detected!("avxvnni")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known: [(&str, bool); 0] = [];
    known
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name)
        .collect()
}
