#!/usr/bin/env python3
"""Skips each check of digests once, and says whether the corruption suite notices.

The checks are changed in a copy of the working tree, all in one build: an environment variable says which one is
skipped. Usage, from the root of the repository:

    tests/corruption/skipped_checks.py [NAME...]        # CARGO_TARGET_DIR of a built tree makes it quick

Exit code 1 when a skipped check was not noticed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWITCH = "POLELAKE_SKIPPED_CHECK"

# Name: file, function, what it gives when it is skipped.
CHECKS = {
    "object-digest": ("shared/lake/src/digest.rs", "check", "Ok(())"),
    "file-tail": ("shared/lake/src/digest.rs", "check_tail", "Ok(())"),
    "row-group": ("shared/lake/src/footer.rs", "check_group", "Ok(())"),
    "coverage": ("shared/lake/src/footer.rs", "check_coverage", "Ok(())"),
    "document": ("shared/lake/src/format.rs", "check_document_digest", "Ok(())"),
    "file-mark": ("shared/operations/src/audit/files.rs", "check_mark", "Ok(())"),
    "added-files": ("shared/operations/src/audit/tables.rs", "find_added_files", "Ok(())"),
    "manifest-identity": ("shared/operations/src/audit/tables.rs", "check_identity", "()"),
    "manifest-root": ("shared/operations/src/audit/day_roots.rs", "check_root", "Ok(())"),
    "added-refined": ("shared/operations/src/audit/refined_objects.rs", "find_added_objects", "Ok(())"),
    "foreign": ("shared/operations/src/audit/foreign_objects.rs", "find_foreign_objects", "Ok(())"),
    "refined-object": ("shared/operations/src/audit/receipts.rs", "check_object", "Ok(true)"),
    "receipt-identity": ("shared/operations/src/audit/receipts.rs", "check_receipt_identity", "()"),
    "hint": ("shared/operations/src/audit/streams.rs", "check_end_hint", "Ok(())"),
    "measures": ("shared/operations/src/audit/files.rs", "check_profile", "Ok(true)"),
    "iceberg-content": ("shared/operations/src/audit/iceberg_metadata.rs", "check_content", "Ok(())"),
    "iceberg-days": ("shared/operations/src/audit/iceberg_metadata.rs", "check_shown_days", "Ok(())"),
    "erasures": ("shared/operations/src/audit/erasures.rs", "audit_erasures", "Ok(())"),
    "repaired-rows": ("shared/operations/src/repair/chunk_repair.rs", "check_made_rows", "Ok(())"),
    "repaired-manifest": ("shared/operations/src/repair/recorded_manifests.rs", "check_made_manifest", "Ok(Ok(()))"),
}


def skip_check(tree: pathlib.Path, name: str) -> None:
    file, function, result = CHECKS[name]
    path = tree / file
    text = path.read_text()
    begin = re.search(rf"fn {function}\b[^;]*?\{{\n", text, re.S)
    if begin is None:
        sys.exit(f"{file} has no function {function}")
    skip = f'    if std::env::var("{SWITCH}").is_ok_and(|name| name == "{name}") {{ return {result}; }}\n'
    path.write_text(text[: begin.end()] + skip + text[begin.end():])


def copy_tree(tree: pathlib.Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def build(tree: pathlib.Path) -> str:
    command = ["cargo", "test", "--workspace", "--offline", "--no-run", "--test", "pipeline"]
    built = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(built.stderr)
    return re.search(r"\((\S*/pipeline-[0-9a-f]+)\)", built.stderr)[1]


def run_suite(tree: pathlib.Path, binary: str, name: str) -> list[str]:
    """The corruption tests that fail."""
    environment = {**os.environ, SWITCH: name, "CARGO_MANIFEST_DIR": str(tree / "tests"), "RUST_BACKTRACE": "0"}
    path = tree / binary
    run = subprocess.run([str(path), "corruption"], cwd=tree / "tests", env=environment, capture_output=True, text=True)
    return re.findall(r"^test corruption::(\S+) \.\.\. FAILED", run.stdout, re.M)


def main() -> None:
    names = sys.argv[1:] or list(CHECKS)
    with tempfile.TemporaryDirectory(prefix="polelake-checks-") as folder:
        tree = pathlib.Path(folder)
        copy_tree(tree)
        for name in CHECKS:
            skip_check(tree, name)
        binary = build(tree)
        if failed := run_suite(tree, binary, ""):
            sys.exit(f"the suite fails without a skipped check: {failed}")
        missed = 0
        for name in names:
            failed = run_suite(tree, binary, name)
            missed += not failed
            print(f"{name:20} {'noticed by ' + ', '.join(failed) if failed else 'NOT NOTICED'}", flush=True)
    print(f"{len(names) - missed} of {len(names)} skipped checks are noticed")
    sys.exit(1 if missed else 0)


main()
