"""Brokers that speak MQTT: where one comes from, and how one is looked at."""
