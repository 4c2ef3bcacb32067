//! The `polelake` command under a name of its own, so that Cargo builds it with the tests; with
//! `bench` as its first argument it is `polelake-bench`. One binary: linking the AWS clients once
//! takes long enough.

/// What benchmarks start this binary with: they know it as `polelake-bench`.
const BENCH_WORKERS: [&str; 2] = ["quality-worker", "snapshot-worker"];

fn main() -> std::process::ExitCode {
    let first = std::env::args().nth(1).unwrap_or_default();
    if first == "bench" {
        bench::run_arguments(std::env::args_os().skip(1))
    } else if BENCH_WORKERS.contains(&first.as_str()) {
        bench::run_arguments(std::env::args_os())
    } else {
        polelake::main()
    }
}
