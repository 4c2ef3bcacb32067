//! Takes the stylesheet that npm has made, where it has: see docs/adr, "site styles".

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=site/dist");
    println!("cargo::rustc-check-cfg=cfg(styles_built)");
    if Path::new("site/dist/site.css").is_file() {
        println!("cargo::rustc-cfg=styles_built");
    }
}
