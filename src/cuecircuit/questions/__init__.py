"""Questions of a study: tests of tables and maps, and what they found."""
