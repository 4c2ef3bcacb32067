#!/usr/bin/env python3
"""Makes each mistake of mutations.toml in a copy of infra/, and says whether a test notices it.

    infra/tests/mutations.py [WORDS...]     # only mutations whose kind or text has one of the words

A mutation is noticed when `terraform validate` refuses it, when the tests `rules` or `stack` of tests/infra fail over
the changed copy, or when a file of Terraform's own tests that the mutation names does. The others of the project's
tests are not run. Exit code 1 when fewer than 95 % are noticed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "infra" / "tests"
# The share that must be noticed.
SHARE = 0.95
PLUGIN_FOLDERS = ["/opt/tf-plugins", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins"]


def copy_tree(folder: pathlib.Path) -> pathlib.Path:
    """Everything that the rules and Terraform read."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return folder / "infra"


def run_terraform(infra: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["terraform", f"-chdir={infra}", *arguments], capture_output=True, text=True)


def initialise(infra: pathlib.Path) -> None:
    named = [os.environ[name] for name in ["POLELAKE_TF_PLUGINS", "TF_PLUGIN_DIR"] if name in os.environ]
    plugins = [f"-plugin-dir={folder}" for folder in named + PLUGIN_FOLDERS if os.path.isdir(folder)][:1]
    made = run_terraform(infra, "init", "-no-color", "-backend=false", "-lockfile=readonly", *plugins)
    if made.returncode != 0:
        sys.exit(made.stdout + made.stderr)


def find_binary(name: str) -> str:
    """A built test binary of tests/infra."""
    command = ["cargo", "test", "--workspace", "--locked", "--no-run", "--test", name]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = re.search(rf"\((\S*/{name}-[0-9a-f]+)\)", built.stderr)
    if found is None:
        sys.exit(built.stderr)
    return str(ROOT / found[1])


def run_binary(binary: str, infra: pathlib.Path) -> bool:
    environment = {**os.environ, "POLELAKE_INFRA": str(infra), "CI": "true"}
    return subprocess.run([binary], env=environment, capture_output=True).returncode == 0


def name_test(infra: pathlib.Path, binaries: dict[str, str], tests: list[str]) -> str | None:
    """What notices the mutation that is made; none where nothing does."""
    if run_terraform(infra, "validate", "-no-color").returncode != 0:
        return "validate"
    for name, binary in binaries.items():
        if not run_binary(binary, infra):
            return name
    for test in tests:
        run = run_terraform(infra, "test", "-no-color", f"-filter=tests/{test}.tftest.hcl")
        if run.returncode != 0:
            return test
    return None


def try_mutation(infra: pathlib.Path, binaries: dict[str, str], mutation: dict) -> str | None:
    path = infra / mutation["file"]
    text = path.read_text()
    if mutation["from"] not in text:
        sys.exit(f"{mutation['what']}: {mutation['file']} has no such text:\n{mutation['from']}")
    path.write_text(text.replace(mutation["from"], mutation["to"], 1))
    try:
        return name_test(infra, binaries, mutation.get("tests", []))
    finally:
        path.write_text(text)


def main() -> None:
    words = sys.argv[1:]
    listed = tomllib.loads((TESTS / "mutations.toml").read_text())["mutation"]
    chosen = [one for one in listed if not words or any(word in one["kind"] + one["what"] for word in words)]
    binaries = {name: find_binary(name) for name in ["rules", "stack"]}
    with tempfile.TemporaryDirectory(prefix="polelake-mutations-") as folder:
        infra = copy_tree(pathlib.Path(folder))
        initialise(infra)
        for name, binary in binaries.items():
            if not run_binary(binary, infra):
                sys.exit(f"the tests of `{name}` fail without a mutation")
        noticed = 0
        for mutation in chosen:
            by = try_mutation(infra, binaries, mutation)
            noticed += by is not None
            print(f"{mutation['kind']:19} {mutation['what']:66} {by or 'NOT NOTICED'}", flush=True)
    print(f"{noticed} of {len(chosen)} mutations are noticed")
    sys.exit(0 if noticed >= SHARE * len(chosen) else 1)


main()
