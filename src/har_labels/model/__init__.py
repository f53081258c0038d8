"""The values that all others speak of: labels, changes, goals, outcomes, addresses. Pure.

Its face: `labels.Change`, `outcome.Outcome`, `address.RegistryRef`.
"""
