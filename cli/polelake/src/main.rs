//! The `polelake` command.

fn main() -> std::process::ExitCode {
    polelake::main()
}
