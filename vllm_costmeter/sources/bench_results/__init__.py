"""Result files of load tests."""
