//! Attacks that were tried on the product, each as a test over the real processes.

mod callers;
mod fetch;
