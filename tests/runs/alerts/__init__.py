"""Tests of alerts: what is recorded, where it is sent, and that it is sent once."""
