"""Tests of brokers; a package, so that its conftest has a name of its own."""
