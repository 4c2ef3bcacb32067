//! Attacks: what a web page, another user or a planted value must not get.

mod folder;
mod web_pages;
