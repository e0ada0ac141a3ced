"""The outside in memory, for tests of this project and of its users; `linkage.testing.world` puts it together."""
