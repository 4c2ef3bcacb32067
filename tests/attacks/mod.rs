//! Attacks that the platform must withstand, each as an operator, a caller, a web page or another
//! user would meet it.

mod damage;
mod erasure;
mod folder;
mod unreadable;
mod web_pages;
