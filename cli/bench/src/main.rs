//! The `polelake-bench` command.

fn main() -> std::process::ExitCode {
    bench::main()
}
