# Everyday commands. `just` lists them; each is one line that also works without just.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Where the local platform keeps its state.
lake := "polelake-data"

[private]
default:
    @just --list --unsorted

# --- every day ---------------------------------------------------------------------------------------------------

# Compile everything, tests included.
[group('every day')]
build:
    cargo build --workspace --all-targets

# Run all tests, or those whose name contains FILTER.
[group('every day')]
test *FILTER:
    cargo test {{ FILTER }}

# Send three synthetic days through the whole platform; once more adds the next day.
[group('every day')]
demo *ARGS:
    cargo run -- demo --dir {{ lake }} {{ ARGS }}

# Run the platform until Ctrl-C: HTTP API, Kafka, S3, Glue and the five functions.
[group('every day')]
up *ARGS:
    cargo run -- up --dir {{ lake }} {{ ARGS }}

# Format the code.
[group('every day')]
format:
    cargo fmt --all

# Check format, lints, contracts and spelling; warnings are errors.
[group('every day')]
lint:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo run --quiet -- contract lint
    typos

# Compile contracts and compare golden samples with their expected rows.
[group('every day')]
contracts:
    cargo run --quiet -- contract lint
    cargo run --quiet -- contract test

# --- documentation -----------------------------------------------------------------------------------------------

# Build the API documentation; warnings are errors.
[group('documentation')]
docs *ARGS:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked {{ ARGS }}

# Build the documentation's site in target/docs-site; a link that leads nowhere is an error.
[group('documentation')]
site:
    mkdocs build --strict

# Make the catalogue's pages wear the GOV.UK Design System, from the next build on.
[group('documentation')]
styles:
    npm ci --prefix functions/quality-report/site
    npm run build --prefix functions/quality-report/site

# --- what takes longer -------------------------------------------------------------------------------------------

# Run everything that CI runs.
[group('longer')]
ci:
    .ci/run

# Run engines and services of other authors over the built platform; --soak runs all of them.
[group('longer')]
real *ARGS:
    cargo build
    tests/real/run {{ ARGS }}

# Run the fault suite: SEEDS worlds, then every guard broken on purpose.
[group('longer')]
faults SEEDS='60':
    cargo test --test faults -- --seeds {{ SEEDS }}

# Repeat one seed of the fault suite ten times.
[group('longer')]
fault-seed SEED:
    cargo test --test faults -- --seed {{ SEED }}

# Run the counts that CI has no time for: 10,000 seeds, every mutation of infra/, long oracles, 100,000 events. Hours.
[group('longer')]
soak: (faults '10000')
    cargo test --test rules
    PROPTEST_CASES=2000 cargo test --test pipeline merge_oracle
    POLELAKE_STREAMS=20000 cargo test --test pipeline patch_oracle
    POLELAKE_DAMAGE_SEEDS=500 cargo test --test pipeline corruption
    tests/corruption/skipped_checks.py
    GENERATED_FILES=20000 cargo test --test pipeline generated_files
    PROPTEST_CASES=20000 cargo test --workspace --lib
    POLELAKE_FUZZ_CASES=100000 cargo test --test pipeline fuzz_ -- --nocapture

# Check workflows: their form, and what an attacker could do with them.
[group('longer')]
workflows:
    actionlint
    zizmor --offline .github

# Check licences, sources and known faults of the dependencies; it loads the list of advisories.
[group('longer')]
deny:
    cargo deny --locked check

# Run the examples against a platform of their own.
[group('longer')]
examples:
    cargo build --bin polelake
    tests/examples target/debug

# --- measure -----------------------------------------------------------------------------------------------------

# Run one benchmark: land, transform, load, snapshot, patches, tables, quality, memory, cold-start, cost.
[group('measure')]
bench NAME *ARGS:
    cargo run --bin polelake-bench -- {{ NAME }} {{ ARGS }}

# Merge days of a table with 4 million rows, beside DuckDB.
[group('measure')]
bench-snapshot ROWS='4000000': (bench 'snapshot' '--rows' ROWS '--peers' 'duckdb' '--dir' 'target/bench-snapshot')

# Transform and merge days of a million people of whom 5 % are patched.
[group('measure')]
bench-patches RECORDS='1000000': (bench 'patches' '--records' RECORDS '--dir' 'target/bench-patches')

# Measure what measuring costs beside writing.
[group('measure')]
bench-quality ROWS='4000000': (bench 'quality' '--rows' ROWS '--peers' 'none' '--dir' 'target/bench-quality')

# Merge and publish 48 small tables in one invocation.
[group('measure')]
bench-tables: (bench 'tables' '--dir' 'target/bench-tables')

# Measure the peak memory of merges, entity, report, audit, erasure and rebuild, each in a process of its own.
[group('measure')]
bench-memory ROWS='3000000': (bench 'memory' '--rows' ROWS '--dir' 'target/bench-memory')

# Say what a month costs on AWS, from measurements that are in the repository.
[group('measure')]
bench-cost: (bench 'cost' '--measured' 'docs/cost-measured.json')

# Measure the seconds of CONTRIBUTING.md: rebuilds after one line, one test, the whole suite.
[group('measure')]
measure *ARGS:
    .ci/measure {{ ARGS }}

# --- once --------------------------------------------------------------------------------------------------------

# Install the tools of `lint`, `site` and `workflows`; the versions are those of .ci/run.
[group('once')]
tools:
    python3 -m pip install typos==1.52.0 mkdocs==1.6.1 zizmor==1.32.0
    go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
    cargo install --locked cargo-deny@0.20.2
