//! Attacks on what the platform reads: each must end with a message, in little memory, and without harm to other data.

mod bounds;
