"""What is measured: a module a table."""
