//! The command lines of the inner cargo: flags, linkers, the build-script override, and a clean environment.
//!
//! `wdk-sys` and `wdk` declare `links`, so cargo's documented build-script override lets them be used unmodified where no
//! Windows driver kit can be installed (docs/decisions): neither build script runs, and `wdk-sys` includes the bindings in
//! `miniport/ddi/bindings`.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::Command,
};

use crate::{
    repository::Repository,
    setup::{
        Toolchain,
        facts::{BARE_TARGET, WINDOWS_TARGET},
    },
};

/// The target of a build on Linux hosts, for the unit tests of the driver's crates.
pub(crate) const HOST_TARGET: &str = "x86_64-unknown-linux-gnu";
/// The configuration that `wdk-build` would derive from the driver's metadata.
const DRIVER_MODEL: &str = r#"["driver_model__driver_type=\"WDM\""]"#;

/// What is built of the standard library.
const LIBRARY: [&str; 3] = ["core", "alloc", "compiler_builtins"];

/// Keeps AVX out of the cryptographic crates, as .cargo/config.toml does on Windows: the kernel does not save those registers for a
/// driver.
const NO_AVX: &str = r#""--cfg=poly1305_force_soft","--cfg=curve25519_dalek_backend=\"serial\"","#;

/// What a cargo command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This machine, with the build-script override, so that the driver's crates compile here for their tests.
    Host,
    /// The driver image.
    Windows,
    /// The bench kernel.
    Bare,
    /// No build at all: formatting, questions about versions.
    Plain,
}

impl Target {
    /// Whether the result runs elsewhere than on this machine.
    const fn is_cross(self) -> bool {
        matches!(self, Self::Windows | Self::Bare)
    }
}

/// Makes command lines for one source tree.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    tree: &'a Repository,
    toolchain: &'a Toolchain,
}

impl<'a> Invocation<'a> {
    /// Command lines for `tree`.
    #[must_use]
    pub const fn new(tree: &'a Repository, toolchain: &'a Toolchain) -> Self {
        Self { tree, toolchain }
    }

    /// `cargo <arguments>` with all settings for `target`; options of the settings go after the first argument, the verb.
    #[must_use]
    pub fn command(&self, target: Target, arguments: &[&str]) -> Command {
        let mut command = self.program(target);
        clean_environment(&mut command);
        command
            .current_dir(&self.tree.root)
            .env("CARGO_TARGET_DIR", self.target_directory(target));
        // `nextest run` is a verb of two words.
        let words = if arguments.first() == Some(&"nextest") {
            2
        } else {
            1
        };
        let (verb, rest) = arguments.split_at(words.min(arguments.len()));
        command
            .args(verb)
            .args(self.settings(target, verb.first().unwrap_or(&"build")))
            .args(rest);
        if let (Toolchain::Distribution { rustc, .. }, true) = (self.toolchain, target.is_cross()) {
            command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// What is built for this machine shares what was compiled for the harness itself.
    fn target_directory(&self, target: Target) -> PathBuf {
        if target.is_cross() {
            self.tree.inner_target()
        } else {
            self.tree.target.clone()
        }
    }

    fn program(&self, target: Target) -> Command {
        match self.toolchain {
            Toolchain::Distribution { cargo, .. } if target.is_cross() => Command::new(cargo),
            // The cargo that runs this program, if one does; it is the one that rust-toolchain.toml asks for.
            _ => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        }
    }

    fn settings(&self, target: Target, verb: &str) -> Vec<OsString> {
        // Lints are for the tests; whoever tries something out may leave a comment out.
        let builds = matches!(verb, "build" | "rustc");
        let lints = if builds { r#""--cap-lints=warn""# } else { "" };
        let linker = toml_string(self.toolchain.linker().0.as_os_str());
        let mut settings = Settings::default();
        match target {
            Target::Plain => {}
            Target::Host => settings.override_wdk(HOST_TARGET, self.tree),
            Target::Windows => {
                settings.flag("--target", WINDOWS_TARGET);
                settings.override_wdk(WINDOWS_TARGET, self.tree);
                settings.config(&format!("target.{WINDOWS_TARGET}.linker={linker}"));
                settings.config(&format!(
                    r#"target.{WINDOWS_TARGET}.rustflags=["-Clinker-flavor=lld-link","-Ctarget-feature=+crt-static","-Cembed-bitcode=yes",{NO_AVX}{lints}]"#
                ));
                settings.config(r#"profile.driver.lto="off""#);
                // memcpy and its like come from ntoskrnl, so the library's own are left out.
                self.build_library(&mut settings, None);
                if builds {
                    self.optimise_library_once(&mut settings);
                }
            }
            Target::Bare => {
                settings.flag("--target", BARE_TARGET);
                settings.config(&format!("target.{BARE_TARGET}.linker={linker}"));
                settings.config(&format!(r"target.{BARE_TARGET}.rustflags=[{lints}]"));
                self.build_library(&mut settings, Some("compiler-builtins-mem"));
            }
        }
        settings.0
    }

    /// Link-time optimisation goes over the library with the driver; to do all of that before as well, on one core, takes longer
    /// than everything else in the build.
    fn optimise_library_once(&self, settings: &mut Settings) {
        if matches!(self.toolchain, Toolchain::Distribution { .. }) {
            for package in LIBRARY {
                let profile = format!("profile.driver.package.{package}");
                settings.config(&format!("{profile}.opt-level=1"));
                settings.config(&format!("{profile}.codegen-units=16"));
                settings.config(&format!("{profile}.debug=false"));
            }
        }
    }

    fn build_library(&self, settings: &mut Settings, features: Option<&str>) {
        if matches!(self.toolchain, Toolchain::Distribution { .. }) {
            settings
                .0
                .push(format!("-Zbuild-std={}", LIBRARY.join(",")).into());
            if let Some(features) = features {
                settings
                    .0
                    .push(format!("-Zbuild-std-features={features}").into());
            }
        }
    }
}

#[derive(Default)]
struct Settings(Vec<OsString>);

impl Settings {
    fn flag(&mut self, name: &str, value: &str) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    fn config(&mut self, text: &str) {
        self.flag("--config", text);
    }

    fn override_wdk(&mut self, target: &str, tree: &Repository) {
        let bindings = toml_string(tree.root.join("miniport/ddi/bindings").as_os_str());
        self.config(&format!("target.{target}.wdk.rustc-env.OUT_DIR={bindings}"));
        self.config(&format!("target.{target}.wdk.rustc-cfg={DRIVER_MODEL}"));
        self.config(&format!("target.{target}.wdk-sys.rustc-cfg={DRIVER_MODEL}"));
    }
}

/// A TOML basic string; JSON's escapes are a subset of TOML's.
fn toml_string(text: &OsStr) -> String {
    serde_json::Value::from(text.to_string_lossy()).to_string()
}

/// The cargo that runs this program leaves variables that would change or rebuild everything below.
fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if leaks(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
}

/// Kept: where cargo finds its home, its network settings and its registries, and which toolchain rustup picks.
fn leaks(name: &str) -> bool {
    const KEPT: [&str; 5] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_BUILD_JOBS",
    ];
    let ours = name.starts_with("CARGO")
        || name.starts_with("RUSTC")
        || name.starts_with("RUSTDOC")
        || name.starts_with("NEXTEST")
        || matches!(
            name,
            "RUSTFLAGS" | "LD_LIBRARY_PATH" | "OUT_DIR" | "TARGET" | "HOST" | "PROFILE"
        );
    ours && !KEPT.iter().any(|kept| name.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Linker;

    fn tree() -> Repository {
        Repository {
            root: PathBuf::from("/a path/tree"),
            target: PathBuf::from("/a path/tree/target"),
        }
    }

    fn distribution() -> Toolchain {
        Toolchain::Distribution {
            rustc: "/usr/bin/rustc".into(),
            cargo: "/usr/bin/cargo".into(),
            linker: Linker("/a path/rust-lld".into()),
        }
    }

    fn arguments(command: &Command) -> Vec<String> {
        command
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_driver_is_built_with_the_override_and_without_memory_functions() {
        let tree = tree();
        let toolchain = distribution();
        let command = Invocation::new(&tree, &toolchain).command(Target::Windows, &["build"]);
        let arguments = arguments(&command);
        assert_eq!(command.get_program(), "/usr/bin/cargo");
        assert_eq!(arguments[0], "build");
        assert!(arguments.contains(
            &r#"target.x86_64-pc-windows-msvc.wdk.rustc-env.OUT_DIR="/a path/tree/miniport/ddi/bindings""#
                .to_owned()
        ));
        assert!(
            arguments
                .contains(&r#"target.x86_64-pc-windows-msvc.linker="/a path/rust-lld""#.to_owned())
        );
        assert!(
            !arguments
                .iter()
                .any(|argument| argument.contains("builtins-mem"))
        );
        assert!(
            arguments
                .iter()
                .any(|argument| argument.contains("poly1305_force_soft"))
        );
        let variables: Vec<_> = command.get_envs().collect();
        assert!(variables.contains(&("RUSTC_BOOTSTRAP".as_ref(), Some("1".as_ref()))));
        assert!(variables.contains(&(
            "CARGO_TARGET_DIR".as_ref(),
            Some("/a path/tree/target/hiberport/build".as_ref())
        )));
    }

    #[test]
    fn lints_stop_the_tests_and_not_the_builds() {
        let tree = tree();
        let toolchain = distribution();
        let invocation = Invocation::new(&tree, &toolchain);
        let capped = |target, verb| {
            arguments(&invocation.command(target, &[verb]))
                .iter()
                .any(|argument| argument.contains("--cap-lints=warn"))
        };
        for target in [Target::Windows, Target::Bare] {
            assert!(capped(target, "build"));
            assert!(!capped(target, "clippy"));
        }
    }

    #[test]
    fn own_targets_need_neither_bootstrap_nor_library_source() {
        let tree = tree();
        let toolchain = Toolchain::Rustup {
            linker: Linker("rust-lld".into()),
        };
        let command = Invocation::new(&tree, &toolchain).command(Target::Bare, &["build"]);
        assert!(
            !arguments(&command)
                .iter()
                .any(|argument| argument.starts_with("-Z"))
        );
        assert!(
            !command
                .get_envs()
                .any(|(name, value)| name == "RUSTC_BOOTSTRAP" && value.is_some())
        );
    }

    #[test]
    fn host_builds_use_the_toolchain_in_use() {
        let tree = tree();
        let toolchain = distribution();
        let command =
            Invocation::new(&tree, &toolchain).command(Target::Host, &["test", "-p", "ddi"]);
        let arguments = arguments(&command);
        assert_eq!(arguments.first().map(String::as_str), Some("test"));
        assert_eq!(arguments.last().map(String::as_str), Some("ddi"));
        assert!(!arguments.contains(&"--target".to_owned()));
        assert_ne!(command.get_program(), "/usr/bin/cargo");
    }

    #[test]
    fn the_outer_cargo_does_not_leak_in() {
        for name in [
            "CARGO_MANIFEST_DIR",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "LD_LIBRARY_PATH",
            "NEXTEST",
        ] {
            assert!(leaks(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_X_INDEX",
            "RUSTUP_TOOLCHAIN",
            "PATH",
        ] {
            assert!(!leaks(name), "{name}");
        }
    }
}
