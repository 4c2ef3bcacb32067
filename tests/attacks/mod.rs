//! Attacks that the platform must withstand, each as an operator or a caller would meet it.

mod damage;
mod erasure;
mod unreadable;
