//! The help of every command, as checked-in text: a change of the interface is to be seen.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Every command; the first is the program itself.
const COMMANDS: [&str; 13] = [
    "",
    "demo",
    "serve",
    "check",
    "check config",
    "check target",
    "check calibrate",
    "bench",
    "rules",
    "sim",
    "metrics",
    "dashboards",
    "schema",
];

fn help(command: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tokenbeat"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TOKENBEAT_") {
            program.env_remove(name);
        }
    }
    let output =
        program.args(command.split_whitespace()).arg("--help").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{command}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_help_of_every_command_is_known() {
    for command in COMMANDS {
        let name = format!("tokenbeat {command}").trim_end().replace(' ', "-");
        insta::with_settings!({ snapshot_path => "snapshots/help", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, help(command));
        });
    }
}

#[test]
fn no_command_is_left_out() {
    for command in COMMANDS {
        let help = help(command);
        let Some((_, list)) = help.split_once("Commands:\n") else { continue };
        let listed = list.lines().take_while(|line| line.starts_with("  "));
        for name in listed.filter_map(|line| line.split_whitespace().next()) {
            let full = format!("{command} {name}").trim_start().to_owned();
            assert!(name == "help" || COMMANDS.contains(&full.as_str()), "{full} has no snapshot");
        }
    }
}
