"""Adapters: one file per client library, which translates and nothing else. Only a worker imports them."""
