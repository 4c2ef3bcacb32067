//! Attacks that the platform must withstand, each as an operator, a caller, a web page or another
//! user would meet it.

mod bounds;
mod callers;
mod damage;
mod erasure;
mod fetch;
mod folder;
mod repair;
mod unreadable;
mod web_pages;
