//! The `polelake` command under a name of its own, so that Cargo builds it with the tests; with `bench` as its first argument
//! it is `polelake-bench`. One binary: linking the AWS clients once takes long enough.

fn main() -> std::process::ExitCode {
    let is_bench = std::env::args()
        .nth(1)
        .is_some_and(|first| first == "bench");
    if is_bench {
        bench::run_arguments(std::env::args_os().skip(1))
    } else {
        polelake::main()
    }
}
