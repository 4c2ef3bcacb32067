"""The broker of the local platform, as Apache Kafka's own tools in Java see it."""
