"""The values that all other rooms share: labels, changes, goals, outcomes, addresses, facts. Pure.

Its face: `labels.Change`, `outcome.Outcome`, `address.RegistryRef`.
"""
