"""Alerts: telling people elsewhere that a run has finished, failed, was lost or has passed a target.

What happens to a run is recorded in the transaction in which it happens (`events`), so it is recorded once, whoever is there. A
process of its own sends it (`sender`): each delivery to each address is claimed in a transaction (`outbox`), so it is sent once.
Addresses are secrets: `addresses` alone reads them, `channels` alone uses them, and everything else knows their names.
"""
