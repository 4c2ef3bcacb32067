"""The path of events over real parts: from the relay to the tables of a day."""
