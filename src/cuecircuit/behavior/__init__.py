"""From one operant session to numbers, from sessions to the behavioral tests."""
