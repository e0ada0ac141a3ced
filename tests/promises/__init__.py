"""Promises: behaviour that must hold in every world; each test runs in memory and on real servers (`tests.worlds`)."""
