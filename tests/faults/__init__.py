"""Attacks and faults: what is done to the app, and that nothing is lost by it. One file for each kind."""
