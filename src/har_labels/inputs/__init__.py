"""Reads and checks the inputs: environment and command line to checked settings, all problems at once (contract §2).

Hides where each input's text comes from, how its reader spells it, and which values are valid.
Its face: `configure.configure`, `settings.Settings`.
"""
